-- A time as whole microseconds since 1970, exact: extract answers numeric since PostgreSQL 14.
-- Stable as extract itself is, so that the call is inlined.
create or replace function turnup.microseconds("time" timestamptz) returns bigint
language sql stable strict parallel safe
return (extract(epoch from "time") * 1000000)::bigint;
