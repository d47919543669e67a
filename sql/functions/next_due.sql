-- When the next run will be claimable: its due time, or the end of the lease that is on it. Null: none.
-- The first few rows by due time decide it, unless all of them are leased; then a poll finds the rest.
create or replace function turnup.next_due() returns bigint
language sql volatile as $$
  select turnup.microseconds(min(greatest(head.due, head.lease_expires)))
  from (select due, lease_expires from turnup.task order by due limit 100) as head
$$;
