-- Tells idle workers of something new in a line. It tells nobody when an organisation of the line is ready already,
-- because workers are then at the line, or have no room. It also tells nobody when workers were told of a note that
-- nobody has read yet: a note without a worker. Only the first unread notes are looked at, however many there are.
-- Call this function before the note is left.
create or replace function turnup.wake_line(service text, moment timestamptz) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_bitmapscan = off
as $$
begin
  if not exists (select from turnup.line l where l.service = wake_line.service and l.ready_at <= moment)
    and not exists (
      select from (
        select n.worker, n.due from turnup.note n
        where n.service = wake_line.service order by n.service, n.xid limit 100) as n
      where n.worker is null and n.due is not null)
  then
    perform pg_notify('turnup_wake', '');
  end if;
end $$;
