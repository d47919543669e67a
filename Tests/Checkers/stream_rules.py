"""Rules on the database alone: streams (L), the projection (S), attempts and epochs (X), queue rows (T)."""
import collections
import hashlib
import uuid

TERMINAL = {"run.succeeded": "succeeded", "run.failed": "failed", "run.cancelled": "cancelled",
            "run.released": "released"}
CLOSING = {"attempt.done", "attempt.not_done", "attempt.unknown"}
# What may follow the end: evidence of late workers, and what people and programs do with an ended run.
AFTER_THE_END = {
    "attempt.late", "cancel.requested", "retry.requested", "run.reopened", "run.taken_over", "run.diagnosed",
    "release.requested", "redo.started", "redo.refused", "inspection.requested", "run.inspected",
    "secret.read", "secret.forgotten", "signal.received", "probe.asked", "probe.dropped",
}
KNOWN = AFTER_THE_END | CLOSING | set(TERMINAL) | {
    "run.requested", "attempt.started", "state.entered", "run.held", "run.resolved", "reconcile.started", "undo.started",
    "undo.skipped", "attempt.settled", "secret.sealed", "run.moved",
}


# What a run that succeeded may send: only whether the thing is still there and works.
INSPECTING = {"before_inspect", "inspect"}
# What a person may have sent to learn more of any run; it changes nothing.
PROBING = "probe"


def violations(snapshot):
    for event in snapshot.strays:
        yield "L1", event.run, f"event {event.seq} ({event.type}) belongs to no run"
    for run in snapshot.runs.values():
        for rule, text in run_violations(run):
            yield rule, run.id, text
    for run in snapshot.tasks:
        if run not in snapshot.runs:
            yield "T1", run, "a queue row without a run"
    queued = collections.Counter(snapshot.tasks)
    for run in snapshot.runs.values():
        rows, status = queued[run.id], run.row["status"]
        if rows != (status == "live" or inspected_later(run) or is_probed(run)):
            yield "T1", run.id, f"it is {status}, with {rows} queue rows"
    held = {}
    for run in snapshot.runs.values():
        if not run.row["owns_key"]:
            continue
        place = (run.row["organisation"], run.row["workflow"], run.row["key"])
        if place in held:
            yield "L5", run.id, f"its key is held by run {held[place]} as well"
        held[place] = run.id


def run_violations(run):
    if not run.events:
        yield "L1", "a run without events"
        return
    yield from stream(run)
    yield from attempts(run)
    yield from diagnoses(run)
    yield from chain(run)
    yield from projection(run)


def stream(run):
    numbers = [event.seq for event in run.events]
    if numbers != list(range(1, len(numbers) + 1)):
        yield "L1", f"its events are numbered {numbers[:20]}, not 1 to {len(numbers)}"
    if run.events[0].type != "run.requested":
        yield "L2", f"it begins with {run.events[0].type}"
    ended = None
    looks = set()
    for event in run.events[1:]:
        if event.type == "attempt.started" and event.body.get("purpose") in INSPECTING | {PROBING}:
            looks.add(event.attempt)
        if event.type == "run.requested":
            yield "L2", f"event {event.seq} requests it a second time"
        if event.type not in KNOWN:
            yield "L2", f"event {event.seq} has the unknown type {event.type}"
        if ended is not None and event.type not in AFTER_THE_END and event.attempt not in looks:
            yield "L2", f"event {event.seq} ({event.type}) follows its end at event {ended}"
        if event.type in TERMINAL:
            ended = event.seq
        elif event.type in ("run.reopened", "release.requested"):
            if ended is None:
                yield "L2", f"event {event.seq} reopens a run that had not ended"
            ended = None


def attempts(run):
    open_attempt, epoch, seen = None, 0, {}
    for event in run.events:
        if event.type == "attempt.late":
            if event.attempt not in seen:
                yield "X3", f"event {event.seq} is a late answer of an attempt that was never started"
            continue
        if event.type == "attempt.settled":
            if open_attempt is not None:
                yield "X1", f"event {event.seq} settles an attempt while {open_attempt.attempt} is open"
            if not any(e.type == "attempt.late" and e.attempt == event.attempt and e.seq < event.seq for e in run.events):
                yield "X3", f"event {event.seq} settles attempt {event.attempt}, which has no late answer"
        if event.epoch < epoch:
            yield "X3", f"event {event.seq} has epoch {event.epoch} after epoch {epoch}"
        epoch = max(epoch, event.epoch)
        if event.type == "attempt.started":
            if event.attempt in seen:
                yield "X3", f"event {event.seq} starts attempt {event.attempt} a second time"
            if open_attempt is not None:
                yield "X1", f"event {event.seq} starts an attempt while {open_attempt.attempt} is open"
            open_attempt = seen[event.attempt] = event
        elif event.type in CLOSING:
            start = seen.get(event.attempt)
            if start is None:
                yield "X3", f"event {event.seq} closes attempt {event.attempt}, which was never started"
            elif open_attempt is None or open_attempt.attempt != event.attempt:
                yield "X3", f"event {event.seq} closes attempt {event.attempt} a second time"
            elif event.type != "attempt.unknown" and event.epoch != start.epoch:
                yield "X3", f"event {event.seq}, of epoch {event.epoch}, closes an attempt of epoch {start.epoch}"
            open_attempt = None
    if open_attempt is not None and run.row["status"] != "live" and not inspected_later(run) \
            and not is_probed(run):
        yield "X1", f"it is {run.row['status']} with attempt {open_attempt.attempt} open"
    if epoch > run.row["epoch"]:
        yield "X3", f"its row has epoch {run.row['epoch']}, its events {epoch}"


def chain(run):
    """L3: the hashes, from the stored bytes."""
    previous = bytes(32)
    for event in run.events:
        body, kind, actor = event.text.encode(), event.type.encode(), event.actor.encode()
        digest = hashlib.sha256(
            previous + uuid.UUID(run.id).bytes + number(event.seq) + number(event.at) + number(event.epoch)
            + length(kind) + kind + length(actor) + actor
            + (length(b"") if event.attempt is None else length(bytes(16)) + uuid.UUID(event.attempt).bytes)
            + length(body) + body)
        if digest.hexdigest() != event.hash:
            yield "L3", f"event {event.seq} does not have the hash of its content"
            return
        previous = digest.digest()
    if previous.hex() != run.row["hash"]:
        yield "L3", "its row does not have the hash of its last event"


def number(value):
    return value.to_bytes(8, "big", signed=True)


def length(value):
    return len(value).to_bytes(4, "big")


def diagnoses(run):
    """L4: an end is diagnosed at most once, and nothing else is."""
    diagnosed = None
    for event in run.events:
        if event.type in TERMINAL or event.type == "run.taken_over":
            diagnosed = False
        elif event.type in ("run.reopened", "release.requested"):
            diagnosed = None
        elif event.type == "run.diagnosed":
            if diagnosed is None:
                yield "L4", f"event {event.seq} diagnoses a run that has not ended"
            elif diagnosed:
                yield "L4", f"event {event.seq} diagnoses an end a second time"
            diagnosed = True


def fold(run):
    """State, status and key of a run from its events alone. Key: True, False, or None where the events leave it open."""
    state, status, taken_over = run.events[0].body.get("state"), "live", False
    asked, sent = None, None
    probes = {event.attempt for event in run.events
              if event.type == "attempt.started" and event.body.get("purpose") == PROBING}
    for event in run.events[1:]:
        kind, body = event.type, event.body
        if kind == "attempt.started" and body.get("purpose") not in ("lookup", PROBING):
            sent = event.attempt
        if kind == "run.held":
            by_evidence = body.get("code") == "unknown_outcome" and body.get("error") != "deadline"
            asked = body.get("attempt") if by_evidence else None
        if kind in CLOSING and event.attempt in probes:
            continue
        if kind in CLOSING or kind in ("run.resolved", "attempt.settled"):
            state = body.get("entered", state)
        elif kind in ("state.entered", "run.reopened"):
            state = body.get("state", state)
        if kind == "run.held":
            status = "held"
        elif kind in ("run.resolved", "run.reopened", "release.requested"):
            status = "live"
        elif kind == "attempt.late" and status == "held" and answers(body) and event.attempt == asked == sent:
            status = "live"
        elif kind == "cancel.requested" and status == "held":
            status = "live"
        elif kind == "run.taken_over":
            taken_over = True
            status = "cancelled" if status == "held" else status
        elif kind in TERMINAL:
            status = TERMINAL[kind]
    return state, status, taken_over


def inspected_later(run):
    """Whether an inspection of a run that succeeded is to come, or under way."""
    due = False
    for event in run.events:
        if event.type == "run.succeeded":
            due = "inspect_milliseconds" in event.body
        elif event.type == "inspection.requested":
            due = True
        elif event.type == "release.requested":
            due = False
        elif event.type in CLOSING and "inspected" in event.body:
            due = due and "next_milliseconds" in event.body
        elif event.type == "run.inspected" and event.body.get("over"):
            due = False
    return due


def is_probed(run):
    """Whether a probe was asked for that is not over."""
    pending, attempt = False, None
    for event in run.events:
        if event.type == "probe.asked":
            pending = True
        elif event.type == "attempt.started" and event.body.get("purpose") == PROBING:
            attempt = event.attempt
        elif event.type == "probe.dropped" or event.type in CLOSING and event.attempt == attempt:
            pending = False
    return pending


def answers(body):
    """Whether a late answer is one of a call, and complete."""
    return (body.get("outcome") in ("done", "not_done") and "purpose" not in body and "incomplete" not in body
            and not body.get("repeatable", False))


def projection(run):
    state, status, taken_over = fold(run)
    row = run.row
    if row["seq"] != run.events[-1].seq:
        yield "S1", f"its row stands at event {row['seq']}, its stream at {run.events[-1].seq}"
    if row["state"] != state:
        yield "S1", f"its row is in state {row['state']}, its events lead to {state}"
    if row["status"] != status:
        yield "S1", f"its row is {row['status']}, its events say {status}"
    if taken_over or any(event.type == "attempt.late" and "key_with" in event.body for event in run.events):
        expected = False
    elif status == "released":
        expected = False
    elif status in ("live", "held", "succeeded"):
        expected = True
    else:
        expected = left_behind(run)
    if expected is not None and row["owns_key"] != expected:
        yield "S1", f"its row {'holds' if row['owns_key'] else 'does not hold'} the key, its events say otherwise"


def left_behind(run):
    """Whether a failed or cancelled run may have left something over there. None where a look-up, an undo or a person had
    a say: then the ledger knows better (E3)."""
    if any(event.type in ("run.resolved", "undo.started", "undo.skipped", "attempt.settled") for event in run.events):
        return None
    if any(attempt.purpose not in ("call", PROBING) for attempt in run.attempts):
        return None
    return any(
        attempt.purpose == "call" and not attempt.intent.body.get("repeatable", False) and attempt.outcome in ("done", "unknown")
        for attempt in run.attempts)
