-- The right to send the one request that finds out whether a service is back: only when its pause is over, only
-- when nobody else has it, and only until it expires. Answers the canary's number; null: not now.
create or replace function turnup.take_canary(name text, worker text, milliseconds bigint) returns bigint
language sql as $$
  update turnup.service s
  set canary = s.canary + 1, canary_owner = take_canary.worker,
    canary_expires = turnup.now() + take_canary.milliseconds * interval '1 millisecond'
  where s.name = take_canary.name and s.consecutive_failures > 0
    and (s.paused_until is null or s.paused_until <= turnup.now())
    and (s.canary_expires is null or s.canary_expires <= turnup.now())
  returning s.canary
$$;
