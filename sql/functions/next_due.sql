-- When the next run will be claimable: the first due time of a free run, or the end of a lease near the head
-- of the queue, whichever comes first. Null: none. Leases further back end unseen here; a poll finds them.
create or replace function turnup.next_due() returns bigint
language sql volatile as $$
  select turnup.microseconds(least(
    (select t.due from turnup.task t where t.lease_owner is null order by t.due limit 1),
    (select min(greatest(head.due, head.lease_expires))
      from (select t.due, t.lease_expires from turnup.task t order by t.due limit 100) as head)))
$$;
