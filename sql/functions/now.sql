-- The time for everything here. A test replaces this function by one that adds the shift in turnup.test_clock. The body
-- is an expression alone, so that calls are inlined: a claim asks often, and a function with a query in it would be
-- read and planned each time.
create or replace function turnup.now() returns timestamptz
language sql volatile parallel safe
return clock_timestamp();
