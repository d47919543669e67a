-- The link of a run's chain: each event's hash covers the one before it. Every field of variable length
-- is preceded by its length, so that no two different events give the same bytes. Stable as convert_to itself is,
-- so that the call is inlined.
create or replace function turnup.event_hash(
  previous bytea, run_id uuid, seq bigint, microseconds bigint, epoch bigint,
  type text, actor text, attempt_id uuid, body text
) returns bytea
language sql stable parallel safe
return sha256(
  previous || uuid_send(run_id) || int8send(seq) || int8send(microseconds) || int8send(epoch)
  || int4send(octet_length(type)) || convert_to(type, 'UTF8')
  || int4send(octet_length(actor)) || convert_to(actor, 'UTF8')
  || case when attempt_id is null then int4send(0) else int4send(16) || uuid_send(attempt_id) end
  || int4send(octet_length(body)) || convert_to(body, 'UTF8'));
