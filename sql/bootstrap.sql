-- What the migrator itself needs; safe to run again.
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
