-- Takes in what answers say of a service, in their order, and returns the service's state after them. An answer ends a
-- series of unanswered requests. The breaker opens after five unanswered requests in a row, of all workers together, or
-- after one request that could not reach the service. It opens for pause, 2 × pause, 4 × pause … up to 30 seconds, or
-- for what the service asked for if that is more.
-- Requests that were under way together are one failure: while the breaker is not closed, only the trial's counts.
-- Call this function with the row of the service locked.
create or replace function turnup.find_out(state turnup.service_state, findings turnup.note[], moment timestamptz)
returns turnup.service_state
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  found turnup.note;
  is_trial boolean;
  first_milliseconds bigint;
begin
  foreach found in array findings loop
    is_trial := state.trial_token is not null and found.token = state.trial_token;
    if found.finding = 'limited' then
      state.not_before := greatest(state.not_before, found.not_before);
      -- The service works: it said so.
      if state.consecutive_failures = 0 then state.unanswered := 0; end if;
    end if;
    if found.finding in ('answered', 'limited') then
      if state.consecutive_failures = 0 then
        state.unanswered := 0;
      elsif is_trial then
        state.consecutive_failures := 0; state.unanswered := 0; state.reopened_at := moment;
        state.paused_until := null; state.pause_reason := null; state.paused_by := null;
        state.trial_token := null; state.trial_expires := null;
      end if;
    elsif found.finding = 'unsent' then
      if is_trial then state.trial_token := null; state.trial_expires := null; end if;
    elsif found.finding in ('silent', 'down') then
      if state.consecutive_failures = 0 then state.unanswered := state.unanswered + 1; end if;
      if is_trial or (state.consecutive_failures = 0 and (found.finding = 'down' or state.unanswered >= 5)) then
        first_milliseconds := coalesce(found.pause_milliseconds, 1000);
        if coalesce(state.paused_until, '-infinity') < moment + least(greatest(30000, first_milliseconds),
          first_milliseconds * (1 << least(state.consecutive_failures, 16))::bigint) * interval '1 millisecond'
        then
          state.paused_until := moment + least(greatest(30000, first_milliseconds),
            first_milliseconds * (1 << least(state.consecutive_failures, 16))::bigint) * interval '1 millisecond';
          state.pause_reason := found.reason; state.paused_by := found.worker;
        end if;
        state.paused_until := greatest(state.paused_until, found.not_before);
        state.consecutive_failures := state.consecutive_failures + 1; state.unanswered := 0;
        state.trial_token := null; state.trial_expires := null;
      end if;
    end if;
  end loop;
  return state;
end $$;
