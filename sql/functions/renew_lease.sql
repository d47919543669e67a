-- Renews the leases of requests that are under way: each ends so long from now, or later if it did so before. The
-- function writes nothing but lease rows. A lease is renewed only while it is still the worker's and has not ended:
-- afterwards its permit may be somebody else's.
-- Returns for each, by its place in the arrays, whether it was renewed.
create or replace function turnup.renew_lease(run_ids uuid[], tokens uuid[], lease_milliseconds bigint[])
returns table (place bigint, is_renewed boolean)
language plpgsql
-- The statistics of a queue are always out of date; without these a batch may read whole tables.
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  moment timestamptz;
begin
  perform from turnup.lease l where l.run_id = any (run_ids) order by l.run_id for update;
  moment := turnup.now();
  return query
  with renewed as (
    update turnup.lease l
    set expires = greatest(l.expires, moment + g.milliseconds * interval '1 millisecond')
    from unnest(run_ids, tokens, lease_milliseconds) with ordinality as g(id, token, milliseconds, place)
    where l.run_id = g.id and l.token = g.token and l.expires > moment
    returning g.place, l.service, l.organisation, l.token, l.expires
  ), trials as (
    -- The half-open trial goes on: no other run may make one meanwhile.
    insert into turnup.note (service, organisation, finding, token, not_before)
    select r.service, r.organisation, 'renewed', r.token, r.expires
    from renewed r join turnup.service_state s on s.name = r.service
    where s.trial_token = r.token
  )
  select g.place, r.place is not null
  from unnest(run_ids) with ordinality as g(id, place) left join renewed r on r.place = g.place
  order by g.place;
end $$;
