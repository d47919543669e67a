-- Folds the streams of these runs without the engine and compares them with the rows. Returns one row for each
-- violation. A run whose stream is in order also has one row with the code "fold" and the fold's result as JSON in
-- actual.
-- After 100 violations of one run, its further violations are left out.
create or replace function turnup.verify_streams(run_ids uuid[])
returns table (run_id uuid, code text, seq bigint, expected text, actual text)
language plpgsql
set search_path = pg_catalog, pg_temp
-- Everything here is a look-up by key; the statistics of these tables are always out of date.
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off
as $$
#variable_conflict use_column
declare
  closing constant text[] := '{attempt.done,attempt.not_done,attempt.unknown}';
  e record;
  r turnup.run;
  t turnup.task;
  l turnup.lease;
  -- The hash of the event that the run row counts to.
  row_link bytea;
  next_seq bigint;
  top_epoch bigint;
  is_sound boolean;
  status text;
  next_status text;
  state text;
  target text;
  open_id uuid;
  open_repeatable boolean;
  open_purpose text;
  -- The stay in a state, one more with each entry; calls armed to be undone, the newest last, by their stay.
  stay integer;
  undo_stays integer[];
  undo_attempts uuid[];
  sure boolean;
  worked boolean;
  is_foreign boolean := false;
  had_unknown boolean := false;
  is_unknown boolean;
  is_replacing boolean;
  is_replaced boolean;
  is_taken_back boolean;
  is_ending boolean;
  leaves_something boolean;
  -- Beside what the run goes on with.
  leaves_surplus boolean;
  -- The attempt that is in doubt; a late success of the stay, and its attempt.
  unknown_id uuid;
  late json;
  late_id uuid;
  new_late json;
  -- The run goes on without the late success.
  passes_late boolean;
  is_in_doubt boolean;
  forgets_unknown boolean;
  owns_key boolean;
  may_be_left boolean;
  is_taken_over boolean;
  is_key_elsewhere boolean;
  is_late_success boolean;
  -- An inspection is to come, or under way; and what the last one came to.
  inspects boolean;
  verdict text;
  -- The end has its diagnosis.
  is_diagnosed boolean;
  -- A person has asked for a probe, which is to come or under way.
  probes boolean;
  is_of_probe boolean;
  -- What a hold asks about, and what was sent last that may change the platform.
  held_attempt text;
  last_sent uuid;
  first_body json;
  ended_at timestamptz;
  problem text;
  count integer;
begin
  for e in
    -- Run by run, so that each is looked for in its own partition alone, and no sort holds more than one stream.
    select e.* from (select distinct id from unnest(run_ids) as id order by id) as w cross join lateral (
    select e.run_id, e.seq, e.type, e.epoch, e.attempt_id, e.recorded_at, e.hash, e.body,
      turnup.event_hash(
        coalesce(lag(e.hash) over stream, turnup.first_hash()), e.run_id, e.seq, turnup.microseconds(e.recorded_at),
        e.epoch, e.type, e.actor, e.attempt_id, e.body::text) as computed,
      row_number() over stream as place,
      lead(e.seq) over stream is null as is_last,
      count(*) filter (where e.type = 'attempt.started') over attempt as starts,
      count(*) filter (where e.type = any(closing)) over attempt as closings,
      max(e.epoch) filter (where e.type = 'attempt.started') over attempt as start_epoch
    from turnup.event e
    where e.run_id = w.id
    window stream as (order by e.seq), attempt as (partition by e.attempt_id order by e.seq)
    order by e.seq) as e
  loop
    run_id := e.run_id;
    seq := e.seq;
    if e.place = 1 then
      next_seq := 1; top_epoch := 0; is_sound := true; status := null; state := null; open_id := null;
      is_key_elsewhere := false; held_attempt := null; last_sent := null;
      leaves_something := false; leaves_surplus := false; unknown_id := null; late := null; is_taken_over := false; first_body := null; ended_at := null; count := 0;
      stay := 1; undo_stays := '{}'; undo_attempts := '{}'; sure := false; is_unknown := false; is_replacing := false;
      is_replaced := false; is_taken_back := false; is_ending := false;
      inspects := false; verdict := null; is_diagnosed := false; probes := false;
      row_link := null;
      select * into r from turnup.run r where r.id = e.run_id;
      select * into t from turnup.task t where t.run_id = e.run_id;
      select * into l from turnup.lease l where l.run_id = e.run_id and t.run_id is not null;
    end if;
    if e.seq = r.seq then row_link := e.hash; end if;

    -- The numbers, the chain and the epochs.
    if e.seq <> next_seq then
      code := case when e.seq < next_seq then 'seq_twice' else 'seq_gap' end;
      expected := next_seq::text; actual := e.seq::text; is_sound := false; count := count + 1;
      if count <= 100 then return next; end if;
    end if;
    next_seq := e.seq + 1;
    if e.computed <> e.hash then
      code := 'chain'; expected := encode(e.computed, 'hex'); actual := encode(e.hash, 'hex'); count := count + 1;
      if count <= 100 then return next; end if;
    end if;
    if e.type <> 'attempt.late' then
      if e.epoch < top_epoch then
        code := 'epoch_falls'; expected := top_epoch || ' or more'; actual := e.epoch::text; count := count + 1;
        if count <= 100 then return next; end if;
      end if;
      top_epoch := greatest(top_epoch, e.epoch);
    end if;

    -- Whether the event may stand here.
    problem := null; expected := null; actual := e.type;
    if e.type = 'attempt.started' and e.starts > 1 then problem := 'attempt_started_twice'; expected := 'once';
    elsif e.type = 'attempt.started' and open_id is not null then
      problem := 'attempt_while_open'; expected := 'the end of attempt ' || open_id;
    elsif e.type = any(closing) and e.closings > 1 then problem := 'attempt_closed_twice'; expected := 'once';
    elsif e.type = 'attempt.late' and e.starts = 0 then
      -- What a worker knows of an attempt that the database has lost; the stream goes on without it.
      problem := 'history_lost'; expected := 'attempt.started of ' || coalesce(e.attempt_id::text, 'an attempt');
    elsif e.type = any(closing) and e.starts = 0 then
      problem := 'attempt_not_started'; expected := 'attempt.started of ' || coalesce(e.attempt_id::text, 'an attempt');
    elsif e.type = any(closing) and open_id is distinct from e.attempt_id then
      problem := 'attempt_not_open'; expected := coalesce('the end of attempt ' || open_id, 'no attempt is open');
    elsif e.type = any(closing) and e.epoch <> e.start_epoch
      and not (e.type = 'attempt.unknown' and e.epoch > e.start_epoch)
    then
      problem := 'epoch_of_close'; expected := e.start_epoch::text; actual := e.epoch::text;
    end if;
    next_status := turnup.verify_status(status, open_id is not null, e.type);
    if e.type = 'attempt.late' and e.body ->> 'purpose' is null and e.body ->> 'repeatable' is distinct from 'true'
      and e.body ->> 'outcome' in ('done', 'not_done')
    then
      is_late_success := e.body ->> 'outcome' = 'done';
      -- It answers what the hold asks about, and nothing was sent since.
      if status = 'held' and e.body ->> 'incomplete' is null and e.attempt_id = last_sent
        and e.attempt_id::text = held_attempt
      then
        next_status := 'live';
      end if;
    else
      is_late_success := false;
    end if;
    is_of_probe := e.type = 'attempt.started' and e.body ->> 'purpose' = 'probe'
      or e.type = any(closing) and open_id is not null and open_purpose = 'probe';
    if is_of_probe then
      next_status := case when probes and (open_id is null) = (e.type = 'attempt.started') then status end;
    elsif e.type in ('probe.asked', 'probe.dropped') and probes = (e.type = 'probe.asked') then
      next_status := null;
    elsif status = 'succeeded' and e.type = 'attempt.started'
      and not (inspects and coalesce(e.body ->> 'purpose', '') in ('before_inspect', 'inspect'))
    then
      next_status := null;
    end if;
    if e.type = 'run.diagnosed' and is_diagnosed then next_status := null; end if;
    if problem is null and next_status is null then
      expected := case when status is null then 'run.requested' else 'what may follow while ' || status end
        || case when open_id is not null then ' with an open attempt' else '' end;
      problem := case
        when status is null then 'first_event'
        when status in ('live', 'held') then 'order'
        when e.type in ('run.succeeded', 'run.failed', 'run.cancelled', 'run.released') then 'end_twice'
        else 'after_end' end;
    end if;
    if problem is not null then
      code := problem; is_sound := is_sound and problem in ('epoch_of_close', 'history_lost'); count := count + 1;
      if count <= 100 then return next; end if;
    end if;

    -- The fold.
    begin
      target := null;
      worked := null;
      new_late := null;
      forgets_unknown := false;
      passes_late := e.type in ('undo.started', 'release.requested', 'run.succeeded', 'run.failed', 'run.cancelled',
          'run.released')
        or e.type in ('cancel.requested', 'run.taken_over') and status = 'held';
      if e.type = 'run.requested' and status is null then
        state := e.body ->> 'state';
        first_body := e.body;
      elsif e.type = 'attempt.started' then
        open_id := e.attempt_id;
        open_purpose := coalesce(e.body ->> 'purpose', 'call');
        open_repeatable := coalesce(e.body ->> 'repeatable', '') = 'true';
        if open_purpose not in ('lookup', 'probe') then last_sent := e.attempt_id; end if;
        if open_purpose = 'call' and e.body ->> 'undo' = 'true' and not stay = any(undo_stays) then
          undo_stays := undo_stays || stay; undo_attempts := undo_attempts || e.attempt_id; sure := false;
        end if;
      elsif e.type = any(closing) and open_id is not null then
        open_id := null;
        if open_purpose = 'probe' then
          probes := false;
        elsif e.body ->> 'inspected' is not null then
          inspects := inspects and e.body ->> 'next_milliseconds' is not null;
        end if;
        case open_purpose || ' ' || e.type
          when 'call attempt.done' then
            if e.body ->> 'held_by' is not null then
              is_taken_back := undo_stays[cardinality(undo_stays)] = stay; leaves_surplus := true;
              is_unknown := false;
            else
              worked := not open_repeatable;
              is_foreign := e.body ->> 'made' = 'false';
            end if;
          when 'call attempt.unknown' then
            had_unknown := true;
            if not is_unknown then unknown_id := e.attempt_id; end if;
            is_unknown := is_unknown or not open_repeatable or e.body ->> 'look_up_after_milliseconds' is not null;
          when 'call attempt.not_done' then
            if e.body ->> 'look_up_after_milliseconds' is not null then
              if not is_unknown then unknown_id := e.attempt_id; end if;
              is_unknown := true;
            elsif not is_unknown and undo_stays[cardinality(undo_stays)] = stay
              and undo_attempts[cardinality(undo_attempts)] = e.attempt_id
            then is_taken_back := true;
            end if;
          when 'lookup attempt.done' then
            if e.body ->> 'held_by' is not null then
              is_taken_back := undo_stays[cardinality(undo_stays)] = stay; leaves_surplus := true;
            end if;
            case coalesce(e.body ->> 'settled', '')
              when 'adopt' then worked := true; is_foreign := e.body ->> 'made' = 'false';
              when 'replace' then is_replacing := true;
              when 'resend', 'none' then
                is_unknown := false;
                is_taken_back := undo_stays[cardinality(undo_stays)] = stay and not sure;
              else null;
            end case;
          when 'undo attempt.done' then is_taken_back := coalesce(e.body ->> 'gone', '') = 'word';
          when 'replace attempt.done' then is_replaced := coalesce(e.body ->> 'gone', '') = 'word';
          when 'gone attempt.done' then
            if e.body ->> 'gone' = 'seen' then is_taken_back := is_ending; is_replaced := not is_ending; end if;
          else null;
        end case;
        if open_purpose <> 'probe' then target := e.body ->> 'entered'; end if;
      elsif e.type = 'probe.asked' then
        probes := true;
      elsif e.type = 'probe.dropped' then
        probes := false;
      elsif e.type = 'attempt.settled' then
        is_replacing := false; late := null;
        if e.body ->> 'held_by' is not null then
          is_taken_back := undo_stays[cardinality(undo_stays)] = stay; leaves_surplus := true; is_unknown := false;
        elsif e.body ->> 'outcome' = 'done' then
          worked := true; is_foreign := e.body ->> 'made' = 'false';
        else
          is_unknown := false;
          is_taken_back := undo_stays[cardinality(undo_stays)] = stay and not sure;
        end if;
        target := e.body ->> 'entered';
      elsif e.type = 'attempt.late' and is_late_success then
        is_in_doubt := coalesce(e.attempt_id = open_id, false) or is_unknown and e.attempt_id = unknown_id;
        if e.body ->> 'known' = 'true' and not (is_in_doubt and status in ('live', 'held')) then
          null;
        elsif status not in ('live', 'held') then
          if e.body ->> 'made' is distinct from 'false' then
            leaves_surplus := true;
            if status in ('failed', 'cancelled') then is_key_elsewhere := e.body ->> 'key_with' is not null; end if;
          end if;
        elsif e.body ->> 'incomplete' is not null
          or not (is_in_doubt or coalesce(e.body ->> 'stay' = stay::text, false))
        then
          leaves_surplus := leaves_surplus or e.body ->> 'made' is distinct from 'false' and not is_in_doubt;
        else
          passes_late := late is not null and not turnup.same_thing(late, e.body);
          new_late := e.body;
        end if;
      elsif e.type = 'run.held' then
        held_attempt := case when e.body ->> 'code' = 'unknown_outcome'
          and e.body ->> 'error' is distinct from 'deadline' then e.body ->> 'attempt' end;
      elsif e.type = 'state.entered' then
        target := e.body ->> 'state';
      elsif e.type in ('undo.started', 'release.requested') then
        is_ending := true;
        inspects := false; verdict := null;
      elsif e.type = 'run.succeeded' then
        inspects := e.body ->> 'inspect_milliseconds' is not null;
      elsif e.type = 'run.diagnosed' then
        is_diagnosed := true;
      elsif e.type = 'inspection.requested' then
        inspects := true;
      elsif e.type = 'run.inspected' then
        verdict := e.body ->> 'verdict';
        inspects := inspects and e.body ->> 'over' is distinct from 'true';
      elsif e.type = 'undo.skipped' then
        is_taken_back := true; leaves_surplus := true;
      elsif e.type = 'cancel.requested' and status = 'held' then
        forgets_unknown := true; is_replacing := false;
      elsif e.type = 'run.resolved' then
        case coalesce(e.body ->> 'choice', '')
          when 'done', 'adopt' then
            if is_ending and e.body ->> 'choice' = 'done' then is_taken_back := true;
            elsif is_replacing and e.body ->> 'choice' = 'done' then is_replaced := true;
            else worked := true; is_foreign := e.body ->> 'made' = 'false';
            end if;
          when 'retry_anyway' then
            leaves_surplus := leaves_surplus or is_unknown; is_unknown := false; is_replacing := false;
            if e.body ->> 'new_key' = 'true' then stay := stay + 1; end if;
          when 'abandon' then
            if is_ending then undo_stays := '{}'; undo_attempts := '{}'; leaves_surplus := true; end if;
          else null;
        end case;
        target := e.body ->> 'entered';
      elsif e.type = 'run.reopened' then
        is_ending := false; is_key_elsewhere := false;
        target := e.body ->> 'state';
      elsif e.type = 'run.taken_over' then
        is_taken_over := true;
      end if;
      if e.type in ('run.succeeded', 'run.failed', 'run.cancelled', 'run.released')
        or e.type = 'run.taken_over' and status = 'held'
      then
        is_diagnosed := false;
      end if;
      -- What it may have left over there: sent and not settled, or made and not taken back. While the call is in doubt, or
      -- armed to be taken back for what it may have made, that stands for what the late success names.
      if (passes_late or is_replaced) and late is not null then
        leaves_surplus := leaves_surplus or late ->> 'made' is distinct from 'false'
          and not (is_unknown and unknown_id = late_id)
          and not coalesce(not sure and undo_stays[cardinality(undo_stays)] = stay
            and undo_attempts[cardinality(undo_attempts)] = late_id, false);
        late := null;
      end if;
      if new_late is not null then late := new_late; late_id := e.attempt_id; end if;
      if forgets_unknown then
        leaves_surplus := leaves_surplus or is_unknown and not stay = any(undo_stays);
        is_unknown := false;
      end if;
      if worked is not null then
        if late ->> 'made' is distinct from 'false' and late is not null then
          -- When a person takes it, a request after it that was lost may have made another one.
          leaves_surplus := leaves_surplus or case when e.body ->> 'late' = late_id::text
            then is_unknown and unknown_id <> late_id else not turnup.same_thing(late, e.body) end;
          late := null;
        end if;
        -- What was there before is not the run's; but a lost request may have made something beside it.
        is_foreign := coalesce(is_foreign, false);
        leaves_something := leaves_something or worked and not stay = any(undo_stays) and not is_foreign;
        leaves_surplus := leaves_surplus
          or worked and not stay = any(undo_stays) and is_foreign and (is_unknown or had_unknown);
        if is_foreign and e.body ->> 'takes_back' is distinct from 'true' and undo_stays[cardinality(undo_stays)] = stay
        then
          is_taken_back := true; leaves_surplus := leaves_surplus or is_unknown or had_unknown;
        end if;
        is_unknown := false; sure := true; is_foreign := false;
      end if;
      if is_replaced then
        is_taken_back := undo_stays[cardinality(undo_stays)] = stay;
        is_unknown := false; is_replacing := false; stay := stay + 1; is_replaced := false; had_unknown := false;
      end if;
      if is_taken_back then
        undo_stays := trim_array(undo_stays, least(1, cardinality(undo_stays)));
        undo_attempts := trim_array(undo_attempts, least(1, cardinality(undo_attempts)));
      end if;
      is_taken_back := false;
      if target is not null then
        state := target;
        if late is not null then
          leaves_surplus := leaves_surplus or late ->> 'made' is distinct from 'false'
            and not (is_unknown and unknown_id = late_id)
            and not coalesce(not sure and undo_stays[cardinality(undo_stays)] = stay
              and undo_attempts[cardinality(undo_attempts)] = late_id, false);
          late := null;
        end if;
        leaves_surplus := leaves_surplus or is_unknown and not stay = any(undo_stays);
        is_unknown := false; is_replacing := false; had_unknown := false; stay := stay + 1;
      end if;
    exception when data_exception or invalid_text_representation then
      code := 'body_unreadable'; expected := 'a JSON object'; actual := sqlerrm; is_sound := false; count := count + 1;
      if count <= 100 then return next; end if;
    end;
    next_status := coalesce(next_status, status, 'live');
    if next_status in ('live', 'held') then
      ended_at := null;
    else
      ended_at := coalesce(ended_at, e.recorded_at);
    end if;
    status := next_status;

    -- The row beside the end of the stream.
    continue when not e.is_last;
    if r.id is null then
      code := 'stream_without_run'; seq := null; expected := 'a run row'; actual := e.seq || ' events'; return next;
      continue;
    end if;
    may_be_left := case status
      when 'live' then false
      when 'succeeded' then leaves_surplus
      else leaves_something or leaves_surplus or is_unknown or cardinality(undo_stays) > 0
        or late is not null and late ->> 'made' is distinct from 'false' end;
    owns_key := status in ('live', 'held', 'succeeded')
      or may_be_left and not is_taken_over and not is_key_elsewhere and status <> 'released';
    return query select e.run_id, c.code, null::bigint, c.expected, c.actual
      from turnup.verify_row(r, t, l, row_link, first_body, e.seq, e.hash, top_epoch, is_sound, state, status,
        owns_key, may_be_left, status = 'live' or status = 'succeeded' and inspects or probes, verdict, ended_at, open_id) as c;
    if is_sound then
      code := 'fold'; expected := null;
      actual := json_build_object('state', state, 'status', status, 'seq', e.seq, 'owns_key', owns_key,
        'may_be_left', may_be_left, 'has_task', status = 'live' or status = 'succeeded' and inspects or probes,
        'inspection', verdict)::text;
      return next;
    end if;
  end loop;

  return query select r.id, 'run_without_events', null::bigint, r.seq || ' events', 'none'
    from unnest(run_ids) as w(id) join turnup.run r on r.id = w.id
    where not exists (select from turnup.event e where e.run_id = w.id);
end $$;
