-- A UUID of version 7 (RFC 9562): 48 bits of milliseconds, then random bits.
create or replace function turnup.new_id() returns uuid
language sql volatile parallel safe
return encode(
  set_bit(set_bit(
    overlay(uuid_send(gen_random_uuid())
      placing substring(int8send(turnup.microseconds(clock_timestamp()) / 1000) from 3) from 1 for 6),
    52, 1), 53, 1),
  'hex')::uuid;
