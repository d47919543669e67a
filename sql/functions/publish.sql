-- Publishes a version of a workflow with what the queue needs of it (facts: first_service, deadline_milliseconds,
-- limits, services), and makes the lines of its services. Returns false when the version exists already, with this or
-- another content.
create or replace function turnup.publish(
  workflow text, version integer, digest bytea, source text, canonical json, key_parts json, facts json, actor text
) returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
begin
  insert into turnup.definition (
    workflow, version, digest, source, canonical, key_parts, first_service, deadline_milliseconds, live_runs,
    live_runs_per, service_limits, published_at, published_by)
  values (
    workflow, version, digest, source, canonical, key_parts, coalesce(facts ->> 'first_service', ''),
    (facts ->> 'deadline_milliseconds')::bigint, (facts -> 'limits' ->> 'live_runs')::integer, coalesce(facts -> 'limits' ->> 'per', 'all'),
    coalesce(facts -> 'services', '{}'), turnup.now(), actor)
  on conflict do nothing;
  if not found then return false; end if;
  insert into turnup.service_state (name)
  select name from (
    select json_object_keys(canonical -> 'services') where json_typeof(canonical -> 'services') = 'object'
    union select coalesce(facts ->> 'first_service', '')
    union select '@' || workflow) as named(name)
  order by name
  on conflict do nothing;
  -- Locks all of them, in order.
  perform turnup.refresh_limits();
  update turnup.service_state s set has_limited_version = true
  where s.name = '@' || workflow and facts -> 'limits' ->> 'live_runs' is not null and not s.has_limited_version;
  return true;
end $$;
