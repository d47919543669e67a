-- Tells idle workers to look. A hint: a worker that misses it polls. Sent by an enqueue or a person's
-- verb, never by a worker's commit, because NOTIFY takes one lock for the whole cluster at commit.
create or replace function turnup.wake() returns void
language sql volatile as $$
  select pg_notify('turnup_wake', '')
$$;
