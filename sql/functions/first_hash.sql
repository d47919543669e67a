-- The hash that stands before a run's first event.
create or replace function turnup.first_hash() returns bytea
language sql immutable parallel safe
return decode(repeat('00', 32), 'hex');
