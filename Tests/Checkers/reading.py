"""Reads the three inputs: the database, the platform's ledger and the fault log."""
import json
import re
import subprocess


class ReadingError(Exception):
    pass


# One line for each row, as JSON, which escapes every line feed. A body keeps its exact text, since the hash covers it.
QUERY = r"""
\set ON_ERROR_STOP on
begin transaction isolation level repeatable read read only;
select jsonb_build_object('table', 'run', 'id', id, 'workflow', workflow, 'version', version,
  'definition', encode(definition, 'hex'), 'organisation', organisation, 'key', key, 'owns_key', owns_key,
  'may_be_left', may_be_left, 'state', state,
  'status', status, 'seq', h.seq, 'epoch', h.epoch, 'hash', encode(h.hash, 'hex'))
from turnup.run r join turnup.head h on h.run_id = r.id order by id;
select jsonb_build_object('table', 'event', 'run', run_id, 'seq', seq, 'type', type, 'body', body::text, 'epoch', epoch,
  'attempt', attempt_id, 'actor', actor, 'at', (extract(epoch from recorded_at) * 1000000)::bigint,
  'hash', encode(hash, 'hex')) from turnup.event order by run_id, seq;
select jsonb_build_object('table', 'task', 'run', run_id, 'due', due) from turnup.task order by run_id;
select jsonb_build_object('table', 'definition', 'workflow', workflow, 'version', version,
  'digest', encode(digest, 'hex'), 'canonical', canonical::text) from turnup.definition order by workflow, version;
select jsonb_build_object('table', 'clock', 'shift_seconds', extract(epoch from shift)) from turnup.test_clock;
commit;
"""


def snapshot_lines(url):
    command = ["psql", "--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--dbname", url, "--file", "-"]
    try:
        done = subprocess.run(command, input=QUERY, capture_output=True, text=True, timeout=120, check=False)
    except FileNotFoundError as error:
        raise ReadingError("psql is not installed (package postgresql-client)") from error
    if done.returncode != 0:
        raise ReadingError(f"psql could not read the database: {done.stderr.strip()}")
    return [line for line in done.stdout.split("\n") if line]


def file_lines(path):
    with open(path, encoding="utf-8") as file:
        return [line for line in file.read().split("\n") if line]


def objects(lines):
    return [json.loads(line) for line in lines]


def ledger(lines):
    """The requests in order of arrival. A request has a line when it was decided and one when it ended; the last counts."""
    last = {}
    for entry in objects(lines):
        last[entry["ordinal"]] = entry
    return [last[ordinal] for ordinal in sorted(last)]


class Event:
    def __init__(self, row):
        self.run, self.seq, self.type = row["run"], row["seq"], row["type"]
        self.epoch, self.attempt, self.actor = row["epoch"], row["attempt"], row["actor"]
        self.at, self.hash, self.text = row["at"], row["hash"], row["body"]
        self.body = json.loads(self.text)
        # A place of a commit's own time is filled in by no one: the text is what the database holds.
        if not isinstance(self.body, dict):
            raise ReadingError(f"event {self.seq} of run {self.run} is no object")


class Attempt:
    """One try of a call: its intent, its closing event, and what a late worker added."""

    def __init__(self, intent):
        self.id, self.run, self.intent = intent.attempt, intent.run, intent
        self.closings, self.late = [], []
        self.state = intent.body.get("state")
        self.purpose = intent.body.get("purpose", "call")

    @property
    def outcome(self):
        return self.closings[0].type.removeprefix("attempt.") if self.closings else None

    def pattern(self):
        """The method and a pattern for the path that the intent announces."""
        match = re.fullmatch(r"([A-Z]+) [^:]+:(.*)", self.intent.body.get("request", ""), re.DOTALL)
        if match is None:
            return None, None
        parts = re.split(r"\$\{[^}]*\}", match.group(2).split("?")[0])
        return match.group(1), "[^/]+".join(re.escape(part) for part in parts)


class Run:
    def __init__(self, row):
        self.row, self.id = row, row["id"]
        self.events, self.attempts = [], []


class Snapshot:
    def __init__(self, lines):
        rows = objects(lines)
        self.runs = {row["id"]: Run(row) for row in rows if row["table"] == "run"}
        self.tasks = [row["run"] for row in rows if row["table"] == "task"]
        self.definitions = {
            (row["workflow"], row["version"]): json.loads(row["canonical"])
            for row in rows if row["table"] == "definition"
        }
        self.clock_is_shifted = any(row["table"] == "clock" and float(row["shift_seconds"]) != 0 for row in rows)
        self.attempts, self.strays, self.event_count = {}, [], 0
        for row in rows:
            if row["table"] == "event":
                self.add(Event(row))

    def add(self, event):
        self.event_count += 1
        run = self.runs.get(event.run)
        if run is None:
            self.strays.append(event)
            return
        run.events.append(event)
        if not event.type.startswith("attempt."):
            return
        if event.type == "attempt.started":
            attempt = Attempt(event)
            # A second intent of the same id is found by the rules; the first one counts.
            self.attempts.setdefault(event.attempt, attempt)
            run.attempts.append(attempt)
        elif event.attempt in self.attempts:
            attempt = self.attempts[event.attempt]
            (attempt.late if event.type in ("attempt.late", "attempt.settled") else attempt.closings).append(event)

    def definition(self, run):
        return self.definitions.get((run.row["workflow"], run.row["version"]), {})

    def ways(self, run, state):
        """The capabilities that the definition declares against a lost answer of the state's call."""
        definition = self.definition(run)
        here = definition.get("states", {}).get(state) or {}
        call = here.get("call")
        if isinstance(call, str):
            call = definition.get("calls", {}).get(call)
        call = call or {}
        ways = []
        if isinstance(call.get("idempotency"), dict) and "honoured" in call["idempotency"]:
            ways.append("idempotency")
        if isinstance(here.get("reconcile"), dict):
            ways.append("reconcile")
        return ways
