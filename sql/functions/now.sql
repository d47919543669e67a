-- The time of everything here. A test database may shift it; elsewhere the table is empty.
create or replace function turnup.now() returns timestamptz
language sql volatile parallel safe as $$
  select clock_timestamp() + coalesce((select shift from turnup.test_clock), interval '0')
$$;
