-- Gives back leases of runs whose state the worker cannot read or reach, so that it cannot commit. The runs become due
-- again later, in the line in which they stand. A lease is given back only while it is still the worker's.
create or replace function turnup.release(
  run_ids uuid[], tokens uuid[], due_milliseconds bigint[], wait_reasons text[]
) returns bigint
language plpgsql
-- The statistics of a queue are always out of date; without these a batch may read whole tables.
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  moment timestamptz;
  released bigint;
begin
  perform from turnup.task t where t.run_id = any (run_ids) order by t.run_id for no key update;
  moment := turnup.now();
  with gone as (
    delete from turnup.lease l
    using unnest(run_ids, tokens, due_milliseconds, wait_reasons) as g(id, token, due, wait_reason)
    where l.run_id = g.id and l.token = g.token
    returning l.run_id, l.epoch, l.service, l.organisation, l.token, l.seq, l.hash, g.due, g.wait_reason
  ), moved as (
    -- An intent that stands in the lease alone becomes the end of the stream that the task knows.
    update turnup.task t
    set due = case
        -- Somebody has appended meanwhile: that is still to be looked at.
        when t.seq > g.seq then least(t.due, moment + g.due * interval '1 millisecond')
        when t.deadline > moment then least(t.deadline, moment + g.due * interval '1 millisecond')
        else moment + g.due * interval '1 millisecond' end,
      -- One that is over would bring the run again at once, and in vain.
      deadline = case when t.deadline <= moment then moment + g.due * interval '1 millisecond' else t.deadline end,
      wait_reason = case when t.seq > g.seq then t.wait_reason else g.wait_reason end,
      epoch = g.epoch, seq = greatest(t.seq, g.seq), hash = case when g.seq > t.seq then g.hash else t.hash end
    from gone g where t.run_id = g.run_id
    returning t.service, t.organisation, t.due
  ), noted as (
    insert into turnup.note (service, organisation, due, worker)
    select m.service, m.organisation, min(m.due), '' from moved m group by m.service, m.organisation
  ), freed as (
    insert into turnup.note (service, organisation, is_freed)
    select distinct g.service, g.organisation, true
    from gone g join turnup.service_state s on s.name = g.service
    where coalesce(s.concurrent_all, s.concurrent_each) is not null
  ), unsent as (
    insert into turnup.note (service, organisation, finding, token)
    select g.service, g.organisation, 'unsent', g.token
    from gone g join turnup.service_state s on s.name = g.service
    where s.trial_token = g.token
  )
  select count(*) into released from gone;
  return released;
end $$;
