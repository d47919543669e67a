-- Writes down that a run has a thing of a service, by the name that it has there. Null: it is the run's now. Else the
-- run that has it or may have left it (turnup.has_thing). Without an identity nothing is written, and the answer is
-- another run of the organisation that has something there, or may have left it: a list may lie about that, too.
create or replace function turnup.take_thing(run_id uuid, organisation text, service text, identity text) returns uuid
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  names text[] := turnup.platform_names(take_thing.service);
  name_digest bytea := sha256(convert_to(take_thing.identity, 'UTF8'));
  holder uuid;
begin
  if take_thing.identity is null then
    return (
      select t.run_id from turnup.thing t
      where t.service = any (names) and t.organisation = take_thing.organisation
        and t.run_id <> take_thing.run_id and turnup.has_thing(t.run_id, t.identity)
      limit 1);
  end if;
  -- Written under another name of the platform, before the two were one.
  select t.run_id into holder from turnup.thing t
    where t.service = any (names[2:]) and t.identity = name_digest and t.run_id <> take_thing.run_id
      and turnup.has_thing(t.run_id, t.identity)
    limit 1;
  if found then return holder; end if;
  insert into turnup.thing as t (service, identity, organisation, run_id)
  values (names[1], name_digest, take_thing.organisation, take_thing.run_id)
  on conflict (service, identity) do update set run_id = excluded.run_id, organisation = excluded.organisation
    where t.run_id <> excluded.run_id and not turnup.has_thing(t.run_id, t.identity);
  if found then return null; end if;
  -- Null where it was this run's already.
  return (
    select t.run_id from turnup.thing t
    where t.service = names[1] and t.identity = name_digest
      and t.run_id <> take_thing.run_id);
end $$;
