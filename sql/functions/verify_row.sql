-- Compares a run row with what the check's own fold of its stream came to. What a stream that is not in order would
-- fold to says nothing, so then only its end is compared.
create or replace function turnup.verify_row(
  run turnup.run, first_body json, last_seq bigint, last_hash bytea, top_epoch bigint, is_sound boolean,
  state text, status text, key_held boolean, ended_at timestamptz, open_attempt uuid
) returns table (code text, expected text, actual text)
language sql stable as $$
  select c.code, coalesce(c.expected, 'nothing'), coalesce(c.actual, 'nothing')
  from (values
    ('row_seq', true, last_seq::text, run.seq::text),
    ('row_hash', true, encode(last_hash, 'hex'), encode(run.hash, 'hex')),
    ('row_state', is_sound, state, run.state),
    ('row_status', is_sound, status, run.status),
    ('row_key_held', is_sound, key_held::text, run.key_held::text),
    ('row_ended_at', is_sound, turnup.microseconds(ended_at)::text, turnup.microseconds(run.ended_at)::text),
    ('row_facts', first_body is not null,
      concat_ws(' / ', first_body ->> 'workflow', first_body ->> 'version', first_body ->> 'organisation',
        first_body ->> 'key'),
      concat_ws(' / ', run.workflow, run.version, run.organisation, run.key)),
    ('row_definition', first_body is not null, first_body ->> 'definition', encode(run.definition, 'hex')),
    ('run_definition', true, encode(run.definition, 'hex'), (
      select encode(d.digest, 'hex') from turnup.definition d
      where d.workflow = run.workflow and d.version = run.version)),
    -- Every claim raises the row's epoch, so that it is often ahead of the events.
    ('row_epoch', run.epoch < top_epoch, top_epoch || ' or more', run.epoch::text),
    ('attempt_open', is_sound and run.status <> 'live', null, open_attempt::text),
    ('snapshot_seq', run.snapshot_seq > last_seq or (run.snapshot is null) <> (run.snapshot_seq = 0),
      'a snapshot of an event from 1 to ' || last_seq, run.snapshot_seq::text)
  ) as c(code, counts, expected, actual)
  where c.counts and c.expected is distinct from c.actual
$$;
