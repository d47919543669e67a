-- Another run takes the key: a held run ends as cancelled, an ended one stays as it is. It is the half of
-- turnup.enqueue(…, instead_of => …) that changes the old run; enqueue adds the new one in the same transaction.
-- SQLSTATE TU007: the run does not take that, TU008: it has moved on since it was looked at.
create or replace function turnup.supersede(
  run_id uuid, by_run uuid, organisation text, key text, reason text, actor text, expected_seq bigint default null
) returns void
language plpgsql as $$
#variable_conflict use_column
declare
  current turnup.run;
  detail text;
begin
  if coalesce(supersede.reason, '') !~ '\S' then
    raise exception 'a reason is needed for taking over a key: it stays in the history' using errcode = 'TU002';
  end if;
  select * into current from turnup.run r where r.id = supersede.run_id for update;
  if not found then
    raise exception 'there is no run %', supersede.run_id using errcode = 'TU004';
  end if;
  detail := json_build_object('run', current.id, 'status', current.status, 'state', current.state)::text;
  if current.organisation <> supersede.organisation then
    raise exception 'run % belongs to organisation "%", not "%"', current.id, current.organisation,
      supersede.organisation using errcode = 'TU002', hint = 'A key is taken over within one organisation.';
  end if;
  if current.key <> supersede.key then
    raise exception 'run % has the key "%", and the new run would have "%"', current.id, current.key, supersede.key
      using errcode = 'TU002', hint = 'Only a run of the same key can be replaced.';
  end if;
  if supersede.expected_seq <> current.seq then
    raise exception 'run % has moved on since it was looked at: it has % events now, not %', current.id, current.seq,
      supersede.expected_seq
      using errcode = 'TU008', detail = detail, hint = 'See "turnup show ' || current.id || '", then decide again.';
  end if;
  if exists (select from turnup.event e where e.run_id = current.id and e.type = 'run.superseded') then
    raise exception 'another run has the key of run % already', current.id
      using errcode = 'TU007', detail = detail, hint = 'See "turnup history ' || current.id || '".';
  end if;
  if current.status not in ('held', 'failed', 'cancelled') then
    raise exception 'run % is %', current.id, current.status
      using errcode = 'TU007', detail = detail,
        hint = case current.status when 'live' then 'Cancel it first: turnup cancel ' || current.id || ' --reason …'
          else 'It has succeeded, and its key stays with it.' end;
  end if;
  perform turnup.append(
    current.id, current.seq, 'run.superseded',
    json_build_object('reason', supersede.reason, 'by', supersede.by_run)::text, supersede.actor,
    case current.status when 'held' then 'cancelled' end, null, false, supersede.reason, wake => false);
end $$;
