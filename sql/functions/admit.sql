-- Starts waiting runs of a workflow that has a limit of live runs, as far as there are free places: the runs leave the
-- workflow's line and go into the line of their first call's service. A started run keeps its place until it has ended,
-- also while it is held.
create or replace function turnup.admit(name text, note_bound xid8, out next_at timestamptz, out new_note_bound xid8)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  moment timestamptz := turnup.now();
  s turnup.service_state;
  place record;
  -- Of the organisation's own limit and of all together; null: no such limit.
  free integer;
  free_all integer;
  got integer;
  ids uuid[];
  later timestamptz;
begin
  new_note_bound := note_bound;
  next_at := 'infinity';
  if exists (select from turnup.note n where n.service = admit.name and n.xid >= note_bound) then
    new_note_bound := turnup.read_notes(admit.name, moment, note_bound);
  end if;
  select l.ready_at into next_at from turnup.line l where l.service = admit.name order by l.ready_at limit 1;
  next_at := coalesce(next_at, 'infinity');
  if next_at > moment then return; end if;
  -- One claim at a time; the counts come in later statements.
  select * into s from turnup.service_state t where t.name = admit.name for update skip locked;
  if not found then return; end if;
  if s.concurrent_all is not null then
    free_all := s.concurrent_all
      - (select count(*) from turnup.run r where r.live_slot and r.workflow = substr(admit.name, 2));
    -- All stay ready for the note of whichever run ends next.
    if free_all <= 0 then next_at := 'infinity'; return; end if;
  end if;
  for place in
    select l.organisation from turnup.line l
    where l.service = admit.name and l.ready_at <= moment order by l.ready_at limit 100
    -- Those that another claim writes from notes are left to it: it may wait for others of them.
    for update skip locked
  loop
    free := s.concurrent_each - (
      select count(*) from turnup.run r
      where r.live_slot and r.workflow = substr(admit.name, 2) and r.organisation = place.organisation);
    select array_agg(x.run_id) into ids from (
      select t.run_id from turnup.task t
      where t.service = admit.name and t.organisation = place.organisation and t.due <= moment
        and not exists (select from turnup.lease e where e.run_id = t.run_id)
      order by t.service, t.organisation, t.due, t.run_id limit greatest(0, least(64, free, free_all))
      for update skip locked) as x;
    got := coalesce(cardinality(ids), 0);
    free_all := free_all - got;
    update turnup.run r set live_slot = true from unnest(ids) as i(id) where r.id = i.id;
    with moved as (
      update turnup.task t set service = d.first_service
      from unnest(ids) as i(id) join turnup.run r on r.id = i.id
        join turnup.definition d on d.workflow = r.workflow and d.version = r.version
      where t.run_id = i.id
      returning t.service, t.organisation, t.due
    )
    insert into turnup.note (service, organisation, due, worker)
    select m.service, m.organisation, min(m.due), '' from moved m group by m.service, m.organisation;
    later := (
      select t.due from turnup.task t
      where t.service = admit.name and t.organisation = place.organisation
        and not exists (select from turnup.lease e where e.run_id = t.run_id)
      order by t.service, t.organisation, t.due limit 1);
    -- With nothing of its own free an organisation waits for the note of a run of its own that ends.
    update turnup.line l
    set next_due = coalesce(later, 'infinity'),
      free_at = case when got >= free then timestamptz 'infinity' else '-infinity' end,
      ready_at = case when got >= free then 'infinity' else greatest(coalesce(later, 'infinity'), moment) end
    where l.service = admit.name and l.organisation = place.organisation;
    exit when free_all <= 0;
  end loop;
  next_at := case when free_all <= 0 then 'infinity' else (
    select coalesce(min(l.ready_at), 'infinity') from turnup.line l where l.service = admit.name) end;
end $$;
