-- What the migrator itself needs; safe to run again.
do $$
begin
  if current_setting('server_encoding') <> 'UTF8' then
    raise exception 'the database is encoded in %, and Turnup needs UTF8', current_setting('server_encoding')
      using errcode = 'TU006', hint = 'Make another one: create database NAME encoding ''UTF8'' template template0';
  end if;
end $$;

create schema if not exists turnup;

create table if not exists turnup.migration (
  number integer primary key,
  name text not null,
  checksum bytea not null check (octet_length(checksum) = 32),
  applied_at timestamptz not null default clock_timestamp()
);

create table if not exists turnup.function_file (
  name text primary key,
  checksum bytea not null check (octet_length(checksum) = 32),
  applied_at timestamptz not null default clock_timestamp()
);
