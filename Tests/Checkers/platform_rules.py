"""Rules that need the platform's ledger: requests and intents (X), clients and ends (E)."""
import itertools
import re

CREATING = {"client-created", "dead-client-created"}
ISSUING = CREATING | {"client-returned", "key-rotated", "replayed"}
# Choices of people after which a call whose fate was open may go out once more, or is settled.
SENDS_AGAIN = {"retry_anyway"}
SETTLES = SENDS_AGAIN | {"adopt", "done"}


def violations(snapshot, ledger, lease_seconds, clock_error):
    found = []
    by_run = {}
    sent = {}
    for entry in ledger:
        name = f"request {entry['ordinal']} ({entry['method']} {entry['path']})"
        attempt = snapshot.attempts.get((entry.get("requestId") or "").lower())
        if attempt is None:
            found.append(("X2", None, f"{name} has no committed intent"))
            continue
        by_run.setdefault(attempt.run, []).append(entry)
        sent.setdefault(attempt.id, []).append(entry)
        found += request(attempt, entry, name, clock_error)
    for attempt, entries in sent.items():
        if len(entries) > 1:
            run = snapshot.attempts[attempt].run
            found.append(("X6", run, f"attempt {attempt} was sent {len(entries)} times"))
    for run in snapshot.runs.values():
        mine = by_run.get(run.id, [])
        found += [(rule, run.id, text) for rule, text in outcomes(run, sent)]
        found += [(rule, run.id, text) for rule, text in clients(snapshot, run, mine, ledger)]
        found += [(rule, run.id, text) for rule, text in repeats(snapshot, run)]
        if clock_error is not None:
            found += [(rule, run.id, text) for rule, text in ends(run, mine, lease_seconds, clock_error)]
    return found


def request(attempt, entry, name, clock_error):
    method, path = attempt.pattern()
    if method != entry["method"] or path is None or not re.search(f"{path}$", entry["path"]):
        announced = attempt.intent.body.get("request")
        yield "X2", attempt.run, f"{name} is not what its intent announced: {announced}"
    if clock_error is not None and attempt.intent.at // 1000 > entry["receivedAtMilliseconds"] + clock_error:
        yield "X2", attempt.run, f"{name} came before its intent was committed"


def outcomes(run, sent):
    """What the engine says of an attempt against what the platform saw of it."""
    for attempt in run.attempts:
        entries = sent.get(attempt.id, [])
        for closing in attempt.closings + attempt.late:
            evidence = closing.body.get("evidence") or {}
            claims_done = closing.type == "attempt.done"
            if claims_done and not entries:
                yield "X2", f"attempt {attempt.id} is done, and the platform never had its request"
            if evidence.get("request_head_sent") is False and entries:
                yield "X2", f"attempt {attempt.id} is said not to have been sent, and the platform has its request"
            if claims_done and entries and entries[0].get("status") not in (None, evidence.get("status")):
                yield "X2", (
                    f"attempt {attempt.id} is done with status {evidence.get('status')}, and the platform answered "
                    f"{entries[0]['status']}")
            kind = decision(entries[0]).get("kind") if entries else None
            if closing.type == "attempt.not_done" and kind in CREATING and not entries[0]["faults"]:
                yield "E2", f"attempt {attempt.id} is closed as not done, and it made a client"


def decision(entry):
    return entry.get("decision") or {}


def probe(snapshot, entry):
    """The intent of a probe; empty for all other requests."""
    attempt = snapshot.attempts.get((entry.get("requestId") or "").lower())
    return attempt.intent.body if attempt is not None and attempt.purpose == "probe" else {}


def owner(snapshot, entry):
    attempt = snapshot.attempts.get((entry.get("requestId") or "").lower())
    return None if attempt is None else attempt.run


def clients(snapshot, run, mine, ledger):
    """E1, E2: how many clients the run had at once; E3, E4: that the right one is there and was used."""
    made, states, lied = {}, {}, False
    for entry in mine:
        if decision(entry).get("kind") in CREATING:
            made[decision(entry)["client"]] = entry["ordinal"]
            state = snapshot.attempts[entry["requestId"].lower()].state
            states.setdefault(state, []).append(decision(entry)["client"])
            # A refusal that was put in place of the platform's true answer: nobody could know better.
            lied = lied or (bool(entry["faults"]) and 400 <= (entry.get("status") or 0) < 500)
    deleted = {}
    for entry in ledger:
        if decision(entry).get("kind") == "client-deleted" and decision(entry)["client"] in made:
            deleted[decision(entry)["client"]] = entry["ordinal"]
    there = len(made) - len(deleted)
    allowed = 1 + choices(run)
    # Each state that creates makes a thing of its own.
    for state, numbers in states.items():
        changes = sorted([(made[n], 1) for n in numbers] + [(deleted[n], -1) for n in numbers if n in deleted])
        most = max(itertools.accumulate(change for _, change in changes))
        if most <= allowed or lied:
            continue
        ways = snapshot.ways(run, state)
        if ways:
            yield "E1", f"state {state} had {most} clients at once, though it declares {', '.join(ways)}"
        else:
            yield "E2", f"state {state} had {most} clients at once; people decided {allowed - 1} times to send again"
    status = run.row["status"]
    if status == "succeeded" and made and there == 0:
        yield "E3", "it succeeded, and its client is deleted"
    is_free = status in ("failed", "cancelled") and not run.row["owns_key"]
    if (is_free or status == "released" and not run.row["may_be_left"]) and there > 0 and not lied:
        if not any(event.type == "run.taken_over" for event in run.events):
            yield "E3", f"it let go of its key, and {there} of its clients are still there"
    given = {decision(entry).get("client") for entry in mine if decision(entry).get("kind") in ISSUING}
    for entry in mine:
        used = decision(entry)
        probed = probe(snapshot, entry)
        if probed.get("credential") in ("older", "random"):
            theirs = {decision(e).get("client") for e in ledger if decision(e).get("kind") in ISSUING
                      and owner(snapshot, e) == probed.get("of_run")}
            if used.get("kind") == "token-issued" and used.get("client") not in theirs:
                yield "E4", f"probe {entry['ordinal']} got a token for client {used.get('client')}, whose key it had not"
            continue
        if given and used.get("kind") == "token-issued" and used.get("client") not in given:
            yield "E4", f"request {entry['ordinal']} got a token for client {used.get('client')}, which is not its own"


def choices(run):
    """How often a person decided that a call is to be sent again."""
    return sum(is_decision(event, SENDS_AGAIN) for event in run.events)


def is_decision(event, choices):
    """A person's word, or a reopened run, which begins its state anew."""
    return event.type == "run.reopened" or (event.type == "run.resolved" and event.body.get("choice") in choices)


def repeats(snapshot, run):
    """E2: an unsafe call without a declared way is sent again only after a person's decision."""
    doubtful = {}
    for event in run.events:
        if is_decision(event, SETTLES):
            doubtful = {}
        # The lost answer has come after all: nothing was made.
        if event.type == "attempt.settled" and event.body.get("outcome") == "not_done":
            doubtful = {state: attempt for state, attempt in doubtful.items() if attempt != event.attempt}
        if event.type != "attempt.started":
            continue
        attempt = snapshot.attempts[event.attempt]
        if attempt.purpose != "call" or event.body.get("repeatable") or snapshot.ways(run, attempt.state):
            continue
        if attempt.state in doubtful:
            yield "E2", (
                f"event {event.seq} sends the call of state {attempt.state} again after attempt "
                f"{doubtful[attempt.state]}, which may have worked, without a person's decision")
        if attempt.outcome == "unknown":
            doubtful[attempt.state] = attempt.id


def ends(run, mine, lease_seconds, clock_error):
    """E5: nothing is sent after the end, give or take one lease."""
    ended = None
    for event in run.events:
        if event.type in ("run.succeeded", "run.failed", "run.cancelled", "run.released"):
            ended = event
        elif event.type in ("run.reopened", "release.requested"):
            ended = None
    if ended is None:
        return
    probes = {attempt.id for attempt in run.attempts if attempt.purpose == "probe"}
    for entry in mine:
        if (entry.get("requestId") or "").lower() in probes:
            continue
        if entry["receivedAtMilliseconds"] > ended.at // 1000 + lease_seconds * 1000 + clock_error:
            yield "E5", f"request {entry['ordinal']} came after its end at event {ended.seq}"
