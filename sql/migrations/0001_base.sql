-- The installation: one row. The key check tells a wrong key file from the right one.
create table turnup.installation (
  only_row boolean primary key default true check (only_row),
  id uuid not null,
  key_ring text,
  key_check bytea,
  created_at timestamptz not null default clock_timestamp(),
  check ((key_ring is null) = (key_check is null))
);

-- A row here marks a test database, and moves its clock. Only the owner may write it.
create table turnup.test_clock (
  only_row boolean primary key default true check (only_row),
  shift interval not null
);

-- A definition stays for ever: a run is pinned to one.
create table turnup.definition (
  workflow text not null check (workflow <> ''),
  version integer not null check (version > 0),
  digest bytea not null check (octet_length(digest) = 32),
  source text not null,
  canonical json not null,
  key_parts json not null,
  published_at timestamptz not null,
  published_by text not null,
  primary key (workflow, version)
);

-- The facts. There is no foreign key here, nor from run or task: each would look up and lock a row once more for
-- every row that is written. Rows come in through functions only, and a check of the whole database finds strays.
create table turnup.event (
  run_id uuid not null,
  seq bigint not null check (seq > 0),
  type text not null check (type <> '' and octet_length(type) <= 64),
  body json not null,
  epoch bigint not null check (epoch >= 0),
  attempt_id uuid,
  actor text not null check (actor <> ''),
  recorded_at timestamptz not null,
  hash bytea not null check (octet_length(hash) = 32),
  primary key (run_id, seq),
  check (type not like 'attempt.%' or attempt_id is not null),
  -- json keeps NUL characters and lone surrogates that nothing could read again; jsonb refuses them. Its parse
  -- is spent only on a text with such an escape in it.
  constraint event_body_readable check (
    (strpos(body::text, '\u0000') = 0 and strpos(body::text, '\ud') = 0 and strpos(body::text, '\uD') = 0)
    or body::jsonb is not null)
);

-- The database itself refuses a second start and a second end of an attempt.
create unique index event_attempt on turnup.event (run_id, attempt_id, (type = 'attempt.started'))
  where type in ('attempt.started', 'attempt.done', 'attempt.not_done', 'attempt.unknown');

-- The projection: equals the fold of the run's events.
create table turnup.run (
  id uuid primary key,
  workflow text not null,
  version integer not null,
  definition bytea not null,
  organisation text not null check (organisation <> ''),
  key text not null,
  key_held boolean not null,
  state text not null,
  status text not null check (status in ('live', 'held', 'succeeded', 'failed', 'cancelled')),
  reason text,
  seq bigint not null check (seq > 0),
  epoch bigint not null default 0 check (epoch >= 0),
  hash bytea not null check (octet_length(hash) = 32),
  -- The folded state up to snapshot_seq. Its times stand apart in microseconds, so that the commit can
  -- put its own time into them.
  snapshot json,
  snapshot_seq bigint not null default 0 check (snapshot_seq between 0 and seq),
  times bigint[] not null default '{}',
  requested_at timestamptz not null,
  updated_at timestamptz not null,
  ended_at timestamptz,
  check (key_held or status in ('failed', 'cancelled')),
  check ((ended_at is not null) = (status in ('succeeded', 'failed', 'cancelled')))
) with (
  fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000,
  autovacuum_vacuum_cost_delay = 0
);

-- One run at a time has the key.
create unique index run_key on turnup.run (organisation, workflow, key) where key_held;
create index run_requested on turnup.run (requested_at desc, id desc);

-- The queue: one row for each live run. Only `due` is indexed, so that claims stay HOT updates.
create table turnup.task (
  run_id uuid primary key,
  due timestamptz not null,
  organisation text not null,
  service text,
  -- Why the run waits though nothing was tried: a code such as no_base_url, no_secret, service_paused.
  waiting text,
  -- When the run must be looked at, whatever it waits for.
  deadline timestamptz,
  lease_owner text,
  lease_expires timestamptz,
  check ((lease_owner is null) = (lease_expires is null))
) with (
  fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000,
  autovacuum_vacuum_cost_delay = 0
);

create index task_due on turnup.task (due);

-- Sealed values. A forgotten one keeps its fingerprint and loses its ciphertext.
create table turnup.secret (
  scope text not null check (scope in ('run', 'organisation', 'installation')),
  scope_id text not null,
  name text not null check (name <> ''),
  version integer not null check (version > 0),
  key_id text not null,
  nonce bytea,
  ciphertext bytea,
  fingerprint bytea not null check (octet_length(fingerprint) = 32),
  length integer not null check (length >= 0),
  created_at timestamptz not null,
  created_by text not null,
  forgotten_at timestamptz,
  primary key (scope, scope_id, name, version),
  check ((nonce is null) = (ciphertext is null)),
  check ((ciphertext is null) = (forgotten_at is not null))
);
alter table turnup.secret alter column ciphertext set storage external;

create table turnup.service (
  name text primary key check (name <> ''),
  base_url text,
  -- Words (loopback, private, public) or networks in CIDR form that this service may be reached at.
  allowed_addresses text[] not null default '{public}',
  concurrent_requests integer check (concurrent_requests > 0),
  sends_request_id boolean not null default true,
  -- The breaker. Closed: no pause and no failures. Open: until paused_until. Half-open: failures, and the pause is
  -- over; then one request of all workers, the canary's, finds out whether the service is back.
  paused_until timestamptz,
  pause_reason text,
  paused_by text,
  consecutive_failures integer not null default 0 check (consecutive_failures >= 0),
  -- Requests that went out one after the other and got no answer, while the breaker is closed.
  unanswered integer not null default 0 check (unanswered >= 0),
  -- Rises with each canary, so that a late one has no say.
  canary bigint not null default 0 check (canary >= 0),
  canary_owner text,
  canary_expires timestamptz,
  updated_at timestamptz not null default clock_timestamp(),
  check ((canary_owner is null) = (canary_expires is null))
);

-- History cannot be rewritten. ENABLE ALWAYS: ordinary triggers are skipped when
-- session_replication_role is replica.
create function turnup.refuse_rewriting() returns trigger language plpgsql as $$
begin
  raise exception 'turnup.% is append-only: % is refused', tg_table_name, tg_op using errcode = 'TU005';
end $$;

create trigger refuse_change before update or delete on turnup.event
  for each row execute function turnup.refuse_rewriting();
create trigger refuse_truncate before truncate on turnup.event
  for each statement execute function turnup.refuse_rewriting();
alter table turnup.event enable always trigger refuse_change;
alter table turnup.event enable always trigger refuse_truncate;

create trigger refuse_change before update or delete on turnup.definition
  for each row execute function turnup.refuse_rewriting();
create trigger refuse_truncate before truncate on turnup.definition
  for each statement execute function turnup.refuse_rewriting();
alter table turnup.definition enable always trigger refuse_change;
alter table turnup.definition enable always trigger refuse_truncate;

-- A secret may be forgotten, and nothing else may happen to it.
create function turnup.allow_only_forgetting() returns trigger language plpgsql as $$
begin
  if tg_op = 'UPDATE' and old.forgotten_at is null and new.ciphertext is null and new.forgotten_at is not null
    and (new.scope, new.scope_id, new.name, new.version, new.key_id, new.fingerprint, new.length,
         new.created_at, new.created_by)
      is not distinct from
        (old.scope, old.scope_id, old.name, old.version, old.key_id, old.fingerprint, old.length,
         old.created_at, old.created_by)
  then
    return new;
  end if;
  raise exception 'turnup.secret is append-only: a secret may only be forgotten' using errcode = 'TU005';
end $$;

create trigger only_forgetting before update or delete on turnup.secret
  for each row execute function turnup.allow_only_forgetting();
create trigger refuse_truncate before truncate on turnup.secret
  for each statement execute function turnup.refuse_rewriting();
alter table turnup.secret enable always trigger only_forgetting;
alter table turnup.secret enable always trigger refuse_truncate;
