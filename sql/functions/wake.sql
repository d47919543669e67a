-- Tells idle workers to look. This is only a hint: a worker that misses it polls. An enqueue or a person's verb sends
-- it, never a worker's commit, because NOTIFY takes one lock for the whole cluster at commit.
create or replace function turnup.wake() returns void
language sql volatile
begin atomic
  select pg_notify('turnup_wake', '');
end;
