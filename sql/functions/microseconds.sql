-- A time as whole microseconds since 1970, exact: extract answers numeric since PostgreSQL 14.
create or replace function turnup.microseconds("time" timestamptz) returns bigint
language sql immutable strict parallel safe as $$
  select (extract(epoch from "time") * 1000000)::bigint
$$;
