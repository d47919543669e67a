-- Writes what runs show of the platform, as somebody has read it from their events, and clears the flag that asked for it.
-- Each row names the event up to which was read. Returns for each run: recorded; behind (there are newer events: read
-- again); busy (a worker has it: come later); or gone. A row that is there already is written anew.
-- A row may bring the diagnosis of the run's end, the body of run.diagnosed. It is appended if nobody was faster: the
-- flag is cleared with it, so each end has at most one. Without it, a run whose end is to be diagnosed keeps its flag.
create or replace function turnup.record_fleet(rows json, actor text default null) returns table (run_id uuid, answer text, seq bigint)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  item record;
  current record;
  task record;
  lease record;
begin
  for item in
    select x.* from json_to_recordset(rows) as x(
      run_id uuid, seq bigint, service text, status text, hold text, retries integer, clock_milliseconds bigint,
      key_name text, key_fingerprint text, key_at bigint, refused_before_at bigint, first_yes_at bigint,
      last_yes_at bigint, last_refusal_at bigint, answer_seq bigint, answer_at bigint, answer_type text,
      answer_error text, answer_status integer, answer_state text, answer_credential text, answer_fingerprint text,
      verdict text, confidence text, errors json, diagnosis text)
    order by x.run_id
  loop
    run_id := item.run_id;
    -- Task rows before run rows, as everybody does.
    select t.seq into task from turnup.task t where t.run_id = item.run_id for no key update;
    select r.seq, r.workflow, r.organisation, r.key, r.status, r.ended_at, r.news into current
      from turnup.run r where r.id = item.run_id for no key update;
    if not found then
      answer := 'gone'; seq := null; return next;
      continue;
    end if;
    select l.seq into lease from turnup.lease l where l.run_id = item.run_id and task.seq is not null;
    seq := coalesce(greatest(task.seq, lease.seq), current.seq);
    if seq <> item.seq or current.status <> item.status then
      answer := 'behind'; return next;
      continue;
    end if;
    if item.diagnosis is null or current.news is distinct from 'end' then
      update turnup.run r set news = null where r.id = item.run_id and r.news = 'change';
    else
      if lease.seq is not null then
        -- It inspects: its commit would find our event, and have to be decided anew.
        answer := 'busy'; return next;
        continue;
      end if;
      seq := turnup.append_aside(item.run_id, 'run.diagnosed', item.diagnosis, record_fleet.actor);
      update turnup.run r set news = null where r.id = item.run_id;
      item.verdict := item.diagnosis::json ->> 'verdict';
      item.confidence := item.diagnosis::json ->> 'confidence';
    end if;
    insert into turnup.fleet as f (
      run_id, seq, workflow, service, organisation, key, status, ended_at, hold, retries, clock_milliseconds, key_name,
      key_fingerprint, key_at, ordinal, refused_before_at, first_yes_at, last_yes_at, last_refusal_at, answer_seq,
      answer_at, answer_type, answer_error, answer_status, answer_state, answer_credential, answer_fingerprint, verdict,
      confidence)
    select item.run_id, record_fleet.seq, current.workflow, item.service, current.organisation, current.key, current.status,
      current.ended_at, item.hold, item.retries, item.clock_milliseconds, item.key_name,
      -- Events show eight digits of it.
      (select s.fingerprint from turnup.secret s
        where s.scope = 'run' and s.scope_id = item.run_id::text and s.name = item.key_name
          and encode(substr(s.fingerprint, 1, 4), 'hex') = item.key_fingerprint
        order by s.version limit 1),
      t.key_at,
      case when t.key_at is not null then
        turnup.ordinal_of_key(item.run_id, current.organisation, item.key_name, t.key_at) end,
      t.refused_before_at, t.first_yes_at, t.last_yes_at, t.last_refusal_at, item.answer_seq, t.answer_at,
      item.answer_type, item.answer_error, item.answer_status, item.answer_state, item.answer_credential,
      item.answer_fingerprint, item.verdict, item.confidence
    from (select
      timestamptz 'epoch' + item.key_at * interval '1 microsecond' as key_at,
      timestamptz 'epoch' + item.refused_before_at * interval '1 microsecond' as refused_before_at,
      timestamptz 'epoch' + item.first_yes_at * interval '1 microsecond' as first_yes_at,
      timestamptz 'epoch' + item.last_yes_at * interval '1 microsecond' as last_yes_at,
      timestamptz 'epoch' + item.last_refusal_at * interval '1 microsecond' as last_refusal_at,
      timestamptz 'epoch' + item.answer_at * interval '1 microsecond' as answer_at) as t
    on conflict (run_id) do update set
      seq = excluded.seq, workflow = excluded.workflow, service = excluded.service,
      organisation = excluded.organisation, key = excluded.key, status = excluded.status, ended_at = excluded.ended_at,
      hold = excluded.hold, retries = excluded.retries, clock_milliseconds = excluded.clock_milliseconds,
      key_name = excluded.key_name, key_fingerprint = excluded.key_fingerprint, key_at = excluded.key_at,
      ordinal = excluded.ordinal, refused_before_at = excluded.refused_before_at, first_yes_at = excluded.first_yes_at,
      last_yes_at = excluded.last_yes_at, last_refusal_at = excluded.last_refusal_at, answer_seq = excluded.answer_seq,
      answer_at = excluded.answer_at, answer_type = excluded.answer_type, answer_error = excluded.answer_error,
      answer_status = excluded.answer_status, answer_state = excluded.answer_state,
      answer_credential = excluded.answer_credential, answer_fingerprint = excluded.answer_fingerprint,
      verdict = excluded.verdict, confidence = excluded.confidence;
    delete from turnup.fleet_error f where f.run_id = item.run_id;
    insert into turnup.fleet_error (run_id, service, day, error, count)
    select item.run_id, e.service, e.day, e.error, e.count
    from json_to_recordset(item.errors) as e(service text, day date, error text, count integer);
    answer := 'recorded'; return next;
  end loop;
end $$;
