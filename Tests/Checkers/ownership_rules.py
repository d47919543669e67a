"""Rules on who made what: nothing of others is touched (F1), nothing that was made is forgotten (F2), and a key has one
thing (O1). A client is a run's when the ledger has the run's own request as the one that created it; what nobody asked
for here belongs to others."""
from platform_rules import CREATING, decision

# A person's word that settles what is there.
PERSONS_WORD = {"done", "adopt", "abandon", "retry_anyway"}


def violations(snapshot, ledger):
    made, deleted = {}, set()
    for entry in ledger:
        attempt = snapshot.attempts.get((entry.get("requestId") or "").lower())
        what = decision(entry)
        if what.get("kind") in CREATING and attempt is not None:
            made[what["client"]] = Made(attempt, entry)
        if what.get("kind") == "client-deleted":
            deleted.add(what["client"])
    kept = {}
    for entry in ledger:
        attempt = snapshot.attempts.get((entry.get("requestId") or "").lower())
        client = decision(entry).get("client")
        if entry["method"] != "DELETE" or attempt is None or client is None:
            continue
        yield from foreign(snapshot, attempt, entry, made.get(client), client)
        # The platform's word, and nothing was done.
        if decision(entry)["kind"] == "refused" and 200 <= (entry.get("status") or 0) < 300:
            kept[client] = attempt
    there = {client: maker for client, maker in made.items() if client not in deleted}
    yield from forgotten(snapshot, there, kept)
    yield from surplus(snapshot, there, kept)


class Made:
    def __init__(self, attempt, entry):
        self.run, self.state, self.attempt = attempt.run, attempt.state, attempt.id
        # A refusal that was put in place of the true answer: nobody could know better.
        self.is_hidden = bool(entry["faults"]) and 400 <= (entry.get("status") or 0) < 500


def undo(snapshot, run, state):
    here = snapshot.definition(snapshot.runs[run]).get("states", {}).get(state) or {}
    return here.get("undo")


def foreign(snapshot, attempt, entry, maker, client):
    """F1: a delete is for what the run itself made, unless the definition or a person says otherwise."""
    if maker is not None and maker.run == attempt.run:
        return
    declared = undo(snapshot, attempt.run, attempt.state)
    if attempt.purpose == "undo" and isinstance(declared, dict) and declared.get("adopted") is True:
        return
    run = snapshot.runs[attempt.run]
    if any(event.type == "run.resolved" and event.body.get("choice") in ("adopt", "done") for event in run.events):
        return
    whose = f"run {maker.run} made" if maker else "others made"
    yield "F1", attempt.run, (
        f"request {entry['ordinal']} ({attempt.purpose}) deletes client {client}, which {whose}")


def is_excused(snapshot, client, maker, kept):
    """The platform said that it is gone, and the definition takes its word or has nothing to look with."""
    if maker.is_hidden:
        return True
    if client not in kept:
        return False
    declared = undo(snapshot, kept[client].run, kept[client].state)
    return not (isinstance(declared, dict) and isinstance(declared.get("gone"), dict))


def forgotten(snapshot, there, kept):
    """F2: what a failed or cancelled run made and what is still there is listed as such; so is a second thing of a run that
    succeeded, once a late answer has named it."""
    yield from unsaid(snapshot, there)
    for client, maker in there.items():
        run = snapshot.runs[maker.run]
        if run.row["status"] not in ("failed", "cancelled", "released") or run.row["may_be_left"]:
            continue
        said = any(event.type == "run.resolved" and event.body.get("choice") == "done" for event in run.events)
        if not said and not is_excused(snapshot, client, maker, kept):
            yield "F2", run.id, f"it is {run.row['status']}, its client {client} is there, and nothing says so"


def unsaid(snapshot, there):
    of_place = {}
    for client, maker in there.items():
        of_place.setdefault((maker.run, maker.state), []).append((client, maker.attempt))
    for (run_id, state), found in of_place.items():
        run = snapshot.runs[run_id]
        late = {event.attempt for event in run.events
                if event.type == "attempt.late" and event.body.get("outcome") == "done"}
        if run.row["status"] == "succeeded" and not run.row["may_be_left"] and len(found) > 1:
            for client in sorted(client for client, attempt in found if attempt in late)[:1]:
                yield "F2", run_id, (
                    f"it has succeeded, state {state} has {len(found)} clients, a late answer named client {client}, and "
                    "nothing says so")


def surplus(snapshot, there, kept):
    """O1: of the runs of one key, each state has one thing over there, but for what is listed as left behind."""
    places = {}
    for client, maker in there.items():
        row = snapshot.runs[maker.run].row
        is_listed = row["status"] in ("succeeded", "failed", "cancelled", "released") and row["may_be_left"]
        if is_listed or is_excused(snapshot, client, maker, kept):
            continue
        place = (row["organisation"], row["workflow"], row["key"], maker.state)
        places.setdefault(place, []).append((client, maker.run))
    for (organisation, workflow, key, state), found in places.items():
        runs = {run for _, run in found}
        decided = sum(
            event.type == "run.reopened" or (
                event.type in ("run.resolved", "run.taken_over")
                and event.body.get("choice", "taken over") in PERSONS_WORD | {"taken over"})
            for event in (event for run in snapshot.runs.values() if place_of(run) == (organisation, workflow, key)
                          for event in run.events))
        if len(found) > 1 + decided:
            numbers = ", ".join(str(client) for client, _ in sorted(found))
            yield "O1", sorted(runs)[0], f"key {key} has {len(found)} things of state {state}: clients {numbers}"


def place_of(run):
    return run.row["organisation"], run.row["workflow"], run.row["key"]
