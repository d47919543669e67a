-- Refuses an id that a new run cannot have: it must be a UUID of version 7 whose time lies between 31 days ago and an
-- hour from now, because events are kept by the month in the id. SQLSTATE TU002.
create or replace function turnup.check_id(id uuid, moment timestamptz) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if substr(check_id.id::text, 15, 1) <> '7' or substr(check_id.id::text, 20, 1) not in ('8', '9', 'a', 'b')
    or check_id.id < turnup.id_at(moment - interval '31 days') or check_id.id >= turnup.id_at(moment + interval '1 hour')
  then
    raise exception 'the id % cannot be a new run''s', check_id.id
      using errcode = 'TU002',
        hint = 'Give a UUID of version 7 whose time lies between 31 days ago and an hour from now, or leave it out.';
  end if;
end $$;
