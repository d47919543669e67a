-- Takes in what answers say of a service, and returns the service's state after them.
--
-- answered: a success, or an answer that the definition names. limited: a 429. failed: no complete answer, or an unnamed
-- 5xx. unclear: another unnamed answer; a broken service may give a 400, too, so it proves nothing. unsent: the trial's
-- lease was given back. renewed: the trial's request takes longer, and its lease was renewed.
--
-- Closed: the last 32 answers of a minute are looked at. The breaker opens when requests of three runs failed, of two
-- organisations unless only one calls, and more failed than were answered or limited. What one run or one account
-- meets alone shuts the service for nobody.
-- Shut: only the trial has a say. A failure shuts for longer: pause, 2 × pause, 4 × pause … up to 30 seconds, or for
-- what the service asked for if that is more. An answered one closes. A limited or unclear one lets another run try;
-- three runs' unclear ones since the last failure close it, because the service does answer.
-- Call this function with the row of the service locked.
create or replace function turnup.find_out(state turnup.service_state, findings turnup.note[], moment timestamptz)
returns turnup.service_state
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  found turnup.note;
  failure turnup.note;
  heard turnup.service_answer;
  is_opening boolean := false;
  recent record;
  first_milliseconds bigint;
  ends timestamptz;
begin
  foreach found in array findings loop
    if found.finding = 'renewed' then
      if found.token = state.trial_token then
        state.trial_expires := greatest(state.trial_expires, found.not_before);
      end if;
      continue;
    end if;
    if found.finding = 'limited' then state.not_before := greatest(state.not_before, found.not_before); end if;
    continue when state.consecutive_failures > 0 and (found.token = state.trial_token) is not true;
    if state.consecutive_failures > 0 then state.trial_token := null; state.trial_expires := null; end if;
    continue when found.finding = 'unsent';
    heard := row(found.run_id, found.organisation, moment, found.finding, found.reason);
    if found.finding = 'failed' then failure := found; end if;
    if state.consecutive_failures > 0 and found.finding = 'failed' then
      is_opening := true;
      state.answers := array[heard];
    else
      state.answers := state.answers[greatest(1, cardinality(state.answers) - 30):] || heard;
      if state.consecutive_failures > 0 and (found.finding = 'answered' or (
        select count(distinct a.run_id) >= 3 from unnest(state.answers) a where a.finding = 'unclear'))
      then
        state.consecutive_failures := 0; state.reopened_at := moment; state.answers := '{}'; state.opened_by := '{}';
        state.paused_until := null; state.pause_reason := null; state.paused_by := null;
      end if;
    end if;
  end loop;

  if state.consecutive_failures = 0 then
    select coalesce(array_agg(a), '{}') as answers, array_agg(a) filter (where a.finding = 'failed') as failures,
      count(distinct a.run_id) filter (where a.finding = 'failed') as runs,
      count(distinct a.organisation) filter (where a.finding = 'failed') as organisations,
      min(a.organisation) filter (where a.finding = 'failed') as organisation,
      count(*) filter (where a.finding <> 'unclear') as clear
    into recent
    from unnest(state.answers) a where a.at > moment - interval '1 minute';
    state.answers := case when recent.failures is null then '{}' else recent.answers end;
    if failure.finding = 'failed' and recent.runs >= 3 and cardinality(recent.failures) * 2 > recent.clear then
      is_opening := recent.organisations >= 2 or not exists (
        -- Others whose answers left no note, because nothing had failed yet: they call, have just called, or are about to.
        select from unnest(state.answers) a where a.organisation <> recent.organisation
        union all
        select from turnup.lease l where l.service = state.name and l.organisation <> recent.organisation
        union all
        select from turnup.line l
        where l.service = state.name and l.organisation <> recent.organisation
          and (l.ready_at <= moment or l.bound_due between moment - interval '1 minute' and moment));
    end if;
    if is_opening then state.opened_by := recent.failures; state.answers := '{}'; end if;
  end if;

  if is_opening then
    first_milliseconds := coalesce(failure.pause_milliseconds, 1000);
    ends := moment + least(greatest(30000, first_milliseconds),
      first_milliseconds * (1 << least(state.consecutive_failures, 16))::bigint) * interval '1 millisecond';
    if coalesce(state.paused_until, '-infinity') < ends then
      state.paused_until := ends; state.pause_reason := failure.reason; state.paused_by := failure.worker;
    end if;
    state.paused_until := greatest(state.paused_until, failure.not_before);
    state.consecutive_failures := state.consecutive_failures + 1;
    state.trial_token := null; state.trial_expires := null;
  end if;
  return state;
end $$;
