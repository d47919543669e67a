-- The first half of a claim from a line: takes in the notes that were left for the line since the bound. Notes become
-- places of organisations, or make places ready again. What answers say of the service goes into the service's state.
create or replace function turnup.read_notes(name text, moment timestamptz, inout note_bound xid8)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  findings turnup.note[];
  state turnup.service_state;
  oldest xid8 := pg_snapshot_xmin(pg_current_snapshot());
begin
  with gone as (
    delete from turnup.note n where n.ctid = any (array(
      select m.ctid from turnup.note m
      where m.service = read_notes.name and m.xid >= read_notes.note_bound
      order by m.service, m.xid limit 5000 for update skip locked))
    returning n.*
  ), placed as (
    -- The bucket tells only whether a permit was freed: what would be inserted is all that the update sees.
    insert into turnup.line as l (service, organisation, ready_at, next_due, not_before, bound_due, bucket)
    select read_notes.name, g.organisation,
      greatest(coalesce(min(g.due), 'infinity'), coalesce(max(g.not_before), '-infinity'), moment),
      coalesce(min(g.due), 'infinity'), coalesce(max(g.not_before), '-infinity'),
      coalesce(min(g.due), 'infinity') - interval '1 microsecond', bool_or(g.is_freed)::integer
    from gone g where g.due is not null or g.is_freed or (g.not_before is not null and g.finding is null)
    group by g.organisation
    order by g.organisation
    on conflict (service, organisation) do update
    set next_due = least(l.next_due, excluded.next_due), bound_due = least(l.bound_due, excluded.bound_due),
      bound_id = case when excluded.bound_due < l.bound_due then '00000000-0000-0000-0000-000000000000'
        else l.bound_id end,
      not_before = greatest(l.not_before, excluded.not_before),
      free_at = case when excluded.bucket = 1 then '-infinity' else l.free_at end,
      -- Never before now: claims have passed that, and no longer look there.
      ready_at = greatest(least(l.next_due, excluded.next_due), l.not_before, excluded.not_before, moment,
        case when excluded.bucket = 1 then '-infinity' else l.free_at end)
    -- A place that is ready will be looked at anyway.
    where l.ready_at > moment or excluded.bound_due < l.bound_due or excluded.not_before > l.not_before
  )
  select array_agg(g order by g.xid) filter (where g.finding in ('answered', 'limited', 'unclear', 'failed', 'unsent', 'renewed'))
  into findings from gone g;
  if findings is not null then
    select * into state from turnup.service_state s where s.name = read_notes.name for update;
    state := turnup.find_out(state, findings, moment);
    update turnup.service_state s
    set paused_until = state.paused_until, pause_reason = state.pause_reason, paused_by = state.paused_by,
      consecutive_failures = state.consecutive_failures, answers = state.answers, opened_by = state.opened_by,
      trial_token = state.trial_token, trial_expires = state.trial_expires, reopened_at = state.reopened_at,
      not_before = state.not_before
    where s.name = read_notes.name and s is distinct from state;
    -- Let through slowly at first: for that all that is under way counts.
    if state.reopened_at = moment then
      update turnup.lease l set is_counted = true
      where l.run_id = any (array(
        select o.run_id from turnup.lease o
        where o.service = read_notes.name and not o.is_counted for update skip locked));
    end if;
  end if;
  -- The bound rises only to what a plain read finds first: notes that others hold locked count as there.
  note_bound := least(oldest, (
    select m.xid from turnup.note m where m.service = read_notes.name and m.xid >= read_notes.note_bound
    order by m.service, m.xid limit 1));
end $$;
