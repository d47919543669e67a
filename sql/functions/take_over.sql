-- Another run takes the key: a held run ends as cancelled, an ended run stays as it is. This function is the half of
-- turnup.enqueue(…, instead_of => …) that changes the old run; enqueue adds the new run in the same transaction.
-- SQLSTATE TU007: the run does not take that, TU008: the run has moved on since it was looked at.
create or replace function turnup.take_over(
  run_id uuid, by_run uuid, organisation text, key text, reason text, actor text, expected_seq bigint default null
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  current turnup.run;
  detail text;
begin
  if coalesce(take_over.reason, '') !~ '\S' then
    raise exception 'a reason is needed for taking over a key: it stays in the history' using errcode = 'TU002';
  end if;
  select * into current from turnup.run r where r.id = take_over.run_id for update;
  if not found then
    raise exception 'there is no run %', take_over.run_id using errcode = 'TU004';
  end if;
  detail := json_build_object('run', current.id, 'status', current.status, 'state', current.state)::text;
  if current.organisation <> take_over.organisation then
    raise exception 'run % belongs to organisation "%", not "%"', current.id, current.organisation,
      take_over.organisation using errcode = 'TU002', hint = 'A key is taken over within one organisation.';
  end if;
  if current.key <> take_over.key then
    raise exception 'run % has the key "%", and the new run would have "%"', current.id, current.key, take_over.key
      using errcode = 'TU002', hint = 'A key is taken over by a run that has the same one.';
  end if;
  -- The rest have no task, so that the run row has the end of their stream.
  if current.status not in ('held', 'failed', 'cancelled') then
    raise exception 'run % is %', current.id, current.status
      using errcode = 'TU007', detail = (detail::jsonb || jsonb_build_object('why', current.status))::text;
  end if;
  if take_over.expected_seq <> current.seq then
    raise exception 'run % has moved on since it was looked at: it has % events now, not %', current.id, current.seq,
      take_over.expected_seq
      using errcode = 'TU008', detail = detail;
  end if;
  if exists (select from turnup.event e where e.run_id = current.id and e.type = 'run.taken_over') then
    raise exception 'another run has the key of run % already', current.id
      using errcode = 'TU007', detail = (detail::jsonb || '{"why": "taken_over"}')::text;
  end if;
  perform turnup.append(
    current.id, current.seq, 'run.taken_over',
    json_build_object('reason', take_over.reason, 'by', take_over.by_run)::text, take_over.actor,
    case current.status when 'held' then 'cancelled' end, null, false, take_over.reason, wake => false);
end $$;
