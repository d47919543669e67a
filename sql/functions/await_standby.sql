-- Makes a transaction that has found another one's writes wait at its commit as if it had written them itself. Without
-- that wait, it could acknowledge something that no synchronous standby has confirmed: a commit whose wait was
-- cancelled is visible to everybody, and is lost with this server. This costs one small record in the log.
create or replace function turnup.await_standby() returns void
language sql volatile
set search_path = pg_catalog, pg_temp
as $$
  select pg_logical_emit_message(true, 'turnup', '')
$$;
