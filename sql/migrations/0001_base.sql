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

-- A definition stays for ever: a run is pinned to one. What enqueue and claim need of it was compiled at publish.
create table turnup.definition (
  workflow text not null check (workflow <> ''),
  version integer not null check (version > 0),
  digest bytea not null check (octet_length(digest) = 32),
  source text not null,
  canonical json not null,
  key_parts json not null,
  -- The service of a fresh run's first call; empty when it first waits, chooses or ends.
  first_service text not null default '',
  -- From a run's request until it must be looked at, whatever it waits for; null: nobody knows.
  deadline_milliseconds bigint check (deadline_milliseconds > 0),
  -- Started runs at once, held ones too; null: any number.
  live_runs integer check (live_runs > 0),
  live_runs_per text not null default 'all' check (live_runs_per in ('organisation', 'all')),
  -- By service: concurrent, rate_count, rate_milliseconds, per.
  service_limits json not null default '{}',
  published_at timestamptz not null,
  published_by text not null,
  primary key (workflow, version)
);

-- The facts. There is no foreign key here, nor from run or task: each would look up and lock a row once more for
-- every row that is written. Rows come in through functions only, and a check of the whole database finds strays.
-- Partitioned by the month in the run's id (UUID version 7), so that a run's events lie together and old months can be
-- put away whole; turnup.make_partitions makes them ahead of time, and there is no default one to fill up unseen.
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
) partition by range (run_id);

-- The database itself refuses a second start and a second end of an attempt.
create unique index event_attempt on turnup.event (run_id, attempt_id, (type = 'attempt.started'))
  where type in ('attempt.started', 'attempt.done', 'attempt.not_done', 'attempt.unknown');
-- Probes are few, and counted by the day.
create index event_probe on turnup.event (recorded_at) where type = 'probe.asked';
-- A platform's log names the attempt: X-Request-Id.
create index event_request on turnup.event (attempt_id) where type = 'attempt.started';

-- The projection: equals the fold of the run's events. Narrow, and rewritten only when something that people ask for
-- changes, not with every attempt: while a run has a task, that row has its stream's end and its snapshot.
create table turnup.run (
  id uuid primary key,
  workflow text not null,
  version integer not null,
  definition bytea not null,
  organisation text not null check (organisation <> ''),
  key text not null,
  owns_key boolean not null,
  -- It is not on its way, and something that it made, or may have made, may be on the platform; of a run that succeeded
  -- only what is beside its own. It stays so when another run takes the key.
  may_be_left boolean not null default false,
  state text not null,
  status text not null check (status in ('live', 'held', 'succeeded', 'failed', 'cancelled', 'released')),
  reason text,
  -- Workers have something to do for it, now or later: it is live, or it succeeded and is to be inspected, or a person
  -- has asked for a probe.
  has_task boolean not null default true,
  -- What the last inspection came to.
  inspection text check (inspection in ('present', 'drifted', 'unknown')),
  -- What the statistics have not read yet: an end, which is also to be diagnosed, or another change.
  news text check (news in ('change', 'end')),
  -- The name of the error that it last met, until something succeeds.
  last_error text,
  -- It counts towards its workflow's limit of live runs.
  live_slot boolean not null default false,
  requested_at timestamptz not null,
  changed_at timestamptz not null,
  ended_at timestamptz,
  -- The rest is as of the last time without a task.
  epoch bigint not null default 0 check (epoch >= 0),
  seq bigint not null check (seq > 0),
  hash bytea not null check (octet_length(hash) = 32),
  snapshot_seq bigint not null default 0 check (snapshot_seq between 0 and seq),
  times bigint[] not null default '{}',
  snapshot text,
  check (owns_key or status in ('failed', 'cancelled', 'released')),
  check (has_task or status <> 'live'),
  check (inspection is null or status = 'succeeded'),
  check ((ended_at is not null) = (status not in ('live', 'held')))
) with (
  -- Room for the few versions of a run's life on its own page. An ever-growing table, mostly at rest: its vacuum goes by
  -- share, as usual, but begins earlier than at a fifth of it.
  fillfactor = 85, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02
);

-- One run at a time has the key. The key stands first, because that is what people ask for.
create unique index run_key on turnup.run (key, organisation, workflow) where owns_key;
create index run_key_let_go on turnup.run (key) where not owns_key;
create index run_organisation on turnup.run (organisation, id);
create index run_state on turnup.run (state, id);
create index run_live on turnup.run (workflow, version, state) where status in ('live', 'held');
create index run_attention on turnup.run (status, id) where status in ('held', 'failed', 'cancelled');
create index run_left on turnup.run (id)
  where may_be_left and status in ('succeeded', 'failed', 'cancelled', 'released');
create index run_drifted on turnup.run (id) where inspection = 'drifted';
create index run_error on turnup.run (last_error, id) where last_error is not null;
create index run_slot on turnup.run (workflow, organisation) where live_slot;
create index run_news on turnup.run (id) where news is not null;

-- Whatever ends a run, holds it, lets it go on or changes what an inspection found: the same row version says so, and a
-- worker reads it later (turnup.record_fleet).
create function turnup.note_news() returns trigger language plpgsql
set search_path = pg_catalog, pg_temp as $$
begin
  new.news := case
    when new.status in ('live', 'held') then 'change'
    when new.status is distinct from old.status then 'end'
    else coalesce(new.news, 'change') end;
  return new;
end $$;
create trigger note_news before update of status, inspection on turnup.run for each row
  when (new.status is distinct from old.status or new.inspection is distinct from old.inspection)
  execute function turnup.note_news();

-- The queue: one row for each run that has a task, in the line of the service that it will call next ('' when it only waits for
-- time or for a worker's look; '@' and the workflow while a limit of live runs keeps it from starting). Written once a
-- request, with the outcome. Its seq and hash are the stream's end, unless the lease's go further.
create table turnup.task (
  run_id uuid primary key,
  due timestamptz not null,
  -- When the run must be looked at, whatever it waits for.
  deadline timestamptz,
  epoch bigint not null default 0 check (epoch >= 0),
  seq bigint not null check (seq > 0),
  snapshot_seq bigint not null check (snapshot_seq between 1 and seq),
  has_secrets boolean not null default false,
  service text not null default '',
  organisation text not null,
  -- Why the run waits though nothing was tried: a code such as no_base_url or no_secret.
  wait_reason text,
  hash bytea not null check (octet_length(hash) = 32),
  -- The snapshot's times in microseconds stand apart, so that the commit can put its own time into them.
  times bigint[] not null,
  -- The folded state up to snapshot_seq, as JSON; of a run that no worker has looked at, the body of run.requested.
  snapshot text not null
) with (
  -- Every request leaves a dead version, and claims walk past those that are not cleared away.
  fillfactor = 75, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
  autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 50000, autovacuum_vacuum_cost_delay = 0,
  -- Cutting the end off takes a lock that claims would wait for.
  vacuum_truncate = off
);
create index task_line on turnup.task (service, organisation, due, run_id);
create index task_deadline on turnup.task (deadline) where deadline is not null;
create index task_wait_reason on turnup.task (wait_reason, service) where wait_reason is not null;

-- A worker's right to act on a run until a time, with the permit to send one request to the service that it names ('':
-- none). The row is narrow, because claims and intents write only it; an intent's seq and hash stand here.
create table turnup.lease (
  run_id uuid primary key,
  service text not null,
  organisation text not null,
  taken_at timestamptz not null,
  expires timestamptz not null,
  epoch bigint not null check (epoch > 0),
  -- Drawn with each claim: epochs may be given twice by a database that has lost commits, tokens may not.
  token uuid not null,
  seq bigint not null,
  hash bytea not null,
  -- Requests at once are limited for its service, or were when the lease was taken: only then is it counted.
  is_counted boolean not null default false,
  -- A permit of a limited rate that no intent has used yet.
  is_fresh boolean not null default false,
  worker text not null
) with (
  -- Half of a page stays free for the intent's version of each row. All rows die young.
  fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,
  autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 50000, autovacuum_vacuum_cost_delay = 0,
  vacuum_truncate = off
);
create index lease_permit on turnup.lease (service, organisation, expires) where is_counted;
create index lease_expires on turnup.lease (expires);

-- The place of an organisation in the line of a service. Only claims write places; everybody else leaves a note.
create table turnup.line (
  service text not null,
  organisation text not null,
  -- When it is served next: the latest of the three times below.
  ready_at timestamptz not null,
  next_due timestamptz not null,
  free_at timestamptz not null default '-infinity',
  not_before timestamptz not null default '-infinity',
  -- Up to this task, in the order of (due, run_id), everything has been given out.
  bound_due timestamptz not null default '-infinity',
  bound_id uuid not null default '00000000-0000-0000-0000-000000000000',
  -- What a rate let through lately; see turnup.rate_left.
  bucket bigint not null default 0,
  bucket_milliseconds bigint not null default 1,
  buckets integer[],
  primary key (service, organisation)
) with (
  fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000,
  autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 50000, autovacuum_vacuum_cost_delay = 0,
  vacuum_truncate = off
);
create index line_ready on turnup.line (service, ready_at);

-- What the next claim should know: a task came into a line, a permit is free again, an answer speaks of the service.
-- Inserted by everybody, deleted by claims, so that no caller's transaction holds up a line.
create table turnup.note (
  service text not null,
  xid xid8 not null default pg_current_xact_id(),
  organisation text not null,
  due timestamptz,
  is_freed boolean not null default false,
  not_before timestamptz,
  -- What an answer says of the service (turnup.find_out), whose it is, and the lease of its request.
  finding text,
  reason text,
  run_id uuid,
  -- Who found it; null: idle workers were told of the note.
  worker text,
  token uuid,
  pause_milliseconds bigint
) with (
  autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_insert_threshold = -1,
  autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 50000, autovacuum_vacuum_cost_delay = 0,
  vacuum_truncate = off
);
create index note_new on turnup.note (service, xid);

-- The end of each run's stream, wherever it stands: in the lease, the task or the run.
create view turnup.head as
select r.id as run_id, coalesce(greatest(l.seq, t.seq), r.seq) as seq,
  case when l.seq >= t.seq then l.hash when t.seq is not null then t.hash else r.hash end as hash,
  coalesce(greatest(l.epoch, t.epoch), r.epoch) as epoch
from turnup.run r left join turnup.task t on t.run_id = r.id left join turnup.lease l on l.run_id = t.run_id;

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
-- Whether the platform gave one key twice is asked for one value at a time.
create index secret_fingerprint on turnup.secret using hash (fingerprint) where scope = 'run';

-- What a run shows of the platform, in one row: its key, and how the platform took it. Read from the run's events once
-- it is held or has ended, not in the commit; "turnup statistics verify" compares the two.
create table turnup.fleet (
  run_id uuid primary key,
  -- The events up to this one are in the row.
  seq bigint not null,
  workflow text not null,
  -- Who made the key; else who was called last; null: nobody was called.
  service text,
  organisation text not null,
  key text not null,
  status text not null,
  ended_at timestamptz,
  -- Why it is held, a code.
  hold text,
  -- How often a further try was planned.
  retries integer not null,
  -- The platform's clock minus ours, as of the newest answer that told it.
  clock_milliseconds bigint,
  -- The platform's key: the secret that a call answered which makes something.
  key_name text,
  key_fingerprint bytea,
  key_at timestamptz,
  -- 1: the first key of its organisation, as far as anybody knows; 51: the organisation has too many runs to tell.
  ordinal integer,
  refused_before_at timestamptz,
  first_yes_at timestamptz,
  last_yes_at timestamptz,
  last_refusal_at timestamptz,
  -- The newest answer to anything.
  answer_seq bigint,
  answer_at timestamptz,
  answer_type text,
  answer_error text,
  answer_status integer,
  answer_state text,
  answer_credential text,
  answer_fingerprint text,
  -- Of its end, as run.diagnosed says it.
  verdict text,
  confidence text,
  check ((key_name is null) = (key_at is null))
);
create index fleet_workflow on turnup.fleet (workflow, run_id);
create index fleet_service on turnup.fleet (service, run_id) where key_at is not null;
create index fleet_organisation on turnup.fleet (organisation, workflow, key_at) where key_at is not null;
create index fleet_ended on turnup.fleet (ended_at) where ended_at is not null;
create index fleet_held on turnup.fleet (run_id) where status = 'held';
create index fleet_fingerprint on turnup.fleet (service, key_fingerprint) where key_at is not null;

-- How often a run met an error on a day (UTC).
create table turnup.fleet_error (
  run_id uuid not null,
  service text not null,
  day date not null,
  -- Status and name, such as "403 key_not_active".
  error text not null,
  count integer not null check (count > 0),
  primary key (run_id, service, day, error)
);
create index fleet_error_day on turnup.fleet_error (service, day, error) include (count);

-- Which run a thing on a platform belongs to, so that no two runs take it for theirs. A row counts as long as its run
-- has it or may have left it (turnup.has_thing). The identity is the SHA-256 of the name that the platform gives it, which may be long.
create table turnup.thing (
  service text not null,
  identity bytea not null check (octet_length(identity) = 32),
  organisation text not null,
  run_id uuid not null,
  primary key (service, identity)
);
create index thing_organisation on turnup.thing (service, organisation);

-- What the installation says of a service.
create table turnup.service (
  name text primary key check (name <> '' and name not like '@%'),
  base_url text,
  -- Words (loopback, private, public) or networks in CIDR form that this service may be reached at.
  allowed_addresses text[] not null default '{public}',
  -- The installation's own limits, of all workers together; null: none.
  concurrent_requests integer check (concurrent_requests > 0),
  rate_requests integer check (rate_requests > 0),
  rate_milliseconds bigint check (rate_milliseconds between 1000 and 86400000),
  limits_per text not null default 'all' check (limits_per in ('organisation', 'all')),
  -- The longest wait that a 429's Retry-After may ask for; null: an hour.
  retry_after_cap_milliseconds bigint check (retry_after_cap_milliseconds > 0),
  sends_request_id boolean not null default true,
  updated_at timestamptz not null default clock_timestamp(),
  check ((rate_requests is null) = (rate_milliseconds is null))
);

-- What a run's request told of its service: answered, limited, unclear or failed; see turnup.find_out.
create type turnup.service_answer as (run_id uuid, organisation text, at timestamptz, finding text, reason text);

-- A service at work, and '' for runs that call none: who may send now. Breaker and limits of all workers together.
create table turnup.service_state (
  name text primary key,
  -- The tightest of what the installation and the newest version of each workflow say; turnup.refresh_limits.
  concurrent_all integer,
  concurrent_each integer,
  rate_all integer,
  rate_all_milliseconds bigint,
  rate_each integer,
  rate_each_milliseconds bigint,
  retry_after_cap_milliseconds bigint not null default 3600000,
  -- The breaker. Closed: no pause and no failures. Open: until paused_until. Half-open: failures, and the pause is
  -- over; then one request of all workers, the trial, finds out whether the service is back.
  paused_until timestamptz,
  pause_reason text,
  paused_by text,
  consecutive_failures integer not null default 0 check (consecutive_failures >= 0),
  -- At most 32. While the breaker is closed: the last minute's, if there is a failure among them. Else what trials got
  -- since one of them failed.
  answers turnup.service_answer[] not null default '{}',
  -- The failures that opened it.
  opened_by turnup.service_answer[] not null default '{}',
  trial_token uuid,
  trial_expires timestamptz,
  -- When the breaker last closed: after that requests are let through slowly at first.
  reopened_at timestamptz,
  -- Asked for by a 429, where no limit is per organisation.
  not_before timestamptz,
  bucket bigint not null default 0,
  bucket_milliseconds bigint not null default 1,
  buckets integer[],
  -- Of a workflow's line: some version has a limit of live runs, so that runs may stand here, also when the newest
  -- version has none.
  has_limited_version boolean not null default false,
  check ((trial_token is null) = (trial_expires is null))
) with (
  fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200,
  autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off
);
insert into turnup.service_state (name) values ('');

-- History cannot be rewritten. ENABLE ALWAYS: ordinary triggers are skipped when
-- session_replication_role is replica.
create function turnup.refuse_rewriting() returns trigger language plpgsql
set search_path = pg_catalog, pg_temp as $$
begin
  raise exception 'turnup.% is append-only: % is refused', tg_table_name, tg_op using errcode = 'TU005';
end $$;

create trigger refuse_change before update or delete on turnup.event
  for each row execute function turnup.refuse_rewriting();
create trigger refuse_truncate before truncate on turnup.event
  for each statement execute function turnup.refuse_rewriting();
-- turnup.make_partitions gives each partition both, enabled like this.
alter table turnup.event enable always trigger refuse_change;
alter table turnup.event enable always trigger refuse_truncate;

create trigger refuse_change before update or delete on turnup.definition
  for each row execute function turnup.refuse_rewriting();
create trigger refuse_truncate before truncate on turnup.definition
  for each statement execute function turnup.refuse_rewriting();
alter table turnup.definition enable always trigger refuse_change;
alter table turnup.definition enable always trigger refuse_truncate;

-- A secret may be forgotten, and nothing else may happen to it.
create function turnup.allow_only_forgetting() returns trigger language plpgsql
set search_path = pg_catalog, pg_temp as $$
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
