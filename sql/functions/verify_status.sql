-- The transition table of the check: a run's status after an event, or null when the event may not stand there. The
-- table is deliberately written without the engine's fold: a mistake that both share would go unseen.
-- A null status stands before the first event; is_open: an attempt is open.
create or replace function turnup.verify_status(status text, is_open boolean, type text) returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp as $$
  select case
    when status is null then case when type = 'run.requested' then 'live' end
    -- Evidence of a worker that lost its lease may come at any time.
    when type = 'attempt.late' then status
    when type = 'attempt.settled' then case when status = 'live' and not is_open then 'live' end
    -- People may ask at any time; a run that is held goes on, so that a worker can end it.
    when type = 'cancel.requested' then case status when 'held' then 'live' else status end
    when type in ('retry.requested', 'probe.asked', 'secret.read') then status
    when type = 'probe.dropped' then case when not is_open then status end
    when type = 'run.resolved' then case when status = 'held' then 'live' end
    when type = 'release.requested' then case when status = 'succeeded' then 'live' end
    when type in ('redo.started', 'redo.refused') then case when status = 'released' then 'released' end
    when type = 'inspection.requested' then case when status = 'succeeded' then 'succeeded' end
    when type = 'run.inspected' then case when status = 'succeeded' and not is_open then 'succeeded' end
    -- At most once an end, as the check of the stream counts.
    when type = 'run.diagnosed' then case when status <> 'held' and status <> 'live' and not is_open then status end
    -- Inspections; that only these come after success is seen by their purpose.
    when status = 'succeeded' and type = 'attempt.started' then case when not is_open then 'succeeded' end
    when status = 'succeeded' and type in ('attempt.done', 'attempt.not_done', 'attempt.unknown')
      then case when is_open then 'succeeded' end
    when type = 'run.reopened' then case when status = 'failed' then 'live' end
    when type = 'run.taken_over' then case status when 'held' then 'cancelled' when 'failed' then 'failed'
      when 'cancelled' then 'cancelled' end
    -- The rest is a worker's, and only while the run is live.
    when status <> 'live' then null
    when type in ('attempt.done', 'attempt.not_done', 'attempt.unknown') then case when is_open then 'live' end
    when is_open then null
    when type in ('attempt.started', 'state.entered', 'reconcile.started', 'undo.started', 'undo.skipped') then 'live'
    when type = 'run.held' then 'held'
    when type = 'run.succeeded' then 'succeeded'
    when type = 'run.failed' then 'failed'
    when type = 'run.cancelled' then 'cancelled'
    when type = 'run.released' then 'released'
  end
$$;
