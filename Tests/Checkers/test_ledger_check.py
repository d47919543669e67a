"""Breaks each rule once, in a history and a ledger that were right, and sees the checker complain.

Run: python3 -m unittest discover Tests/Checkers
"""
import copy
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import unittest

FOLDER = os.path.dirname(os.path.abspath(__file__))
FIRST, SECOND = "00000000-0000-7000-8000-00000000000a", "00000000-0000-7000-8000-00000000000b"
SECOND_START = 1_800_000_000_000_000


def attempt_id(number):
    return f"00000000-0000-7000-9000-{number:012d}"


def digest(previous, event):
    def text(value):
        data = value.encode()
        return len(data).to_bytes(4, "big") + data

    attempt = b"\0\0\0\0" if event["attempt"] is None else b"\0\0\0\x10" + bytes.fromhex(event["attempt"].replace("-", ""))
    numbers = b"".join(event[name].to_bytes(8, "big", signed=True) for name in ("seq", "at", "epoch"))
    whole = previous + bytes.fromhex(event["run"].replace("-", "")) + numbers + text(event["type"]) + text(event["actor"])
    return hashlib.sha256(whole + attempt + text(event["body"])).digest()


class World:
    """Two runs of one organisation with what the platform saw of them."""

    def __init__(self):
        call = {"request": "POST wpp:/clients", "repeatable": False}
        self.definition = {
            "calls": {"token": {"repeatable": True}},
            "states": {
                "requested": {"call": call, "next": "token-pending"},
                "token-pending": {"call": "token", "next": "active"},
                "active": {"end": "succeeded"}, "failed": {"end": "failed"},
            },
        }
        self.runs, self.events, self.tasks, self.ledger = {}, [], [], []
        self.rehashed = True
        self.clock = SECOND_START

    # A run's life

    def add_run(self, run, key):
        self.runs[run] = {
            "table": "run", "id": run, "workflow": "w", "version": 1, "definition": "00", "organisation": "academy",
            "key": key, "owns_key": True, "may_be_left": False, "state": "requested", "status": "live", "seq": 0, "epoch": 1, "hash": "",
        }
        self.tasks.append(run)
        self.event(run, "run.requested", {"state": "requested", "key": key}, epoch=0, actor="person:test")

    def event(self, run, kind, body, attempt=None, epoch=1, actor="worker:a"):
        self.clock += 1_000_000
        self.runs[run]["seq"] += 1
        self.events.append({
            "table": "event", "run": run, "seq": self.runs[run]["seq"], "type": kind, "body": json.dumps(body),
            "epoch": epoch, "attempt": attempt, "actor": actor, "at": self.clock, "hash": "",
        })
        return self.events[-1]

    def call(self, run, number, state, outcome="done", epoch=1, closing_epoch=None, sends=True, **more):
        path, kind, status = {
            "requested": ("/clients", "client-created", 201), "token-pending": ("/auth/token", "token-issued", 200),
        }[state]
        answer = {"kind": kind, "status": status, "client": 1, "faults": [], **more}
        entered = {"requested": "token-pending", "token-pending": "active"}[state]
        repeatable = state == "token-pending"
        identifier = attempt_id(number)
        self.event(run, "attempt.started", {
            "state": state, "attempt": 1, "service": "wpp", "request": f"POST wpp:{path}", "repeatable": repeatable,
            "timeout_milliseconds": 15000,
        }, identifier, epoch)
        if sends:
            self.clock += 1_000_000
            self.ledger.append({
                "ordinal": len(self.ledger) + 1, "receivedAtMilliseconds": self.clock // 1000, "method": "POST",
                "path": path, "requestId": identifier, "status": answer["status"], "faults": answer["faults"],
                "decision": {"kind": answer["kind"], "client": answer["client"]}, "delivery": "delivered",
            })
        body = {"state": state, "evidence": {"status": answer["status"]}}
        if outcome == "done":
            body["entered"] = entered
        self.event(run, f"attempt.{outcome}", body, identifier, closing_epoch or epoch)

    def row(self, run, **values):
        self.runs[run].update(values)
        if self.runs[run]["status"] != "live" and run in self.tasks:
            self.tasks.remove(run)

    def succeed(self, run):
        self.event(run, "run.succeeded", {"state": "active"})
        self.row(run, state="active", status="succeeded")

    # What the checker says

    def lines(self):
        rows = [{"table": "definition", "workflow": "w", "version": 1, "digest": "00",
                 "canonical": json.dumps(self.definition)}]
        if self.rehashed:
            previous = {}
            for event in sorted(self.events, key=lambda event: (event["run"], event["seq"])):
                last = digest(previous.get(event["run"], bytes(32)), event)
                previous[event["run"]], event["hash"] = last, last.hex()
                if event["run"] in self.runs:
                    self.runs[event["run"]]["hash"] = last.hex()
        rows += list(self.runs.values()) + self.events + [{"table": "task", "run": run, "due": ""} for run in self.tasks]
        return "".join(json.dumps(row) + "\n" for row in rows)

    def check(self, faults=None, ledger=None, more=()):
        with tempfile.TemporaryDirectory() as folder:
            def write(name, text):
                path = os.path.join(folder, name)
                with open(path, "w", encoding="utf-8") as file:
                    file.write(text)
                return path

            entries = "".join(json.dumps(entry) + "\n" for entry in self.ledger) if ledger is None else ledger
            arguments = ["--snapshot", write("snapshot", self.lines()), "--ledger", write("ledger", entries), *more]
            if faults is not None:
                arguments += ["--faults", write("faults", "".join(json.dumps(fault) + "\n" for fault in faults))]
            done = subprocess.run(
                [sys.executable, os.path.join(FOLDER, "ledger-check"), *arguments], capture_output=True, text=True,
                check=False)
        return done.returncode, done.stdout + done.stderr


def good():
    world = World()
    world.add_run(FIRST, "+1")
    world.call(FIRST, 1, "requested")
    world.call(FIRST, 2, "token-pending", outcome="not_done", kind="refused", status=403)
    world.call(FIRST, 3, "token-pending")
    world.succeed(FIRST)
    world.add_run(SECOND, "+2")
    return world


class CheckerTests(unittest.TestCase):
    def finds(self, rule, world, text=""):
        code, said = world.check()
        rules = [line.split(" ")[0] for line in said.splitlines()[:-1]]
        self.assertEqual(code, 1, said)
        self.assertIn(rule, rules, said)
        self.assertIn(text, said)

    def accepts(self, world):
        code, said = world.check()
        self.assertEqual((code, said.count("\n")), (0, 1), said)

    def event(self, world, kind, run=FIRST, last=False):
        found = [event for event in world.events if event["run"] == run and event["type"] == kind]
        return found[-1 if last else 0]

    def edit(self, event, **values):
        event["body"] = json.dumps({**json.loads(event["body"]), **values})

    # What is right is accepted

    def test_accepts_a_history_that_is_right(self):
        self.accepts(good())

    def test_accepts_a_takeover_and_late_evidence(self):
        world = good()
        world.call(SECOND, 11, "requested", outcome="unknown", closing_epoch=2, client=2)
        world.event(SECOND, "attempt.late", {"state": "requested"}, attempt_id(11), epoch=1)
        world.event(SECOND, "run.held", {"text": "look"}, epoch=2)
        world.row(SECOND, status="held", epoch=2)
        self.accepts(world)

    def test_accepts_a_surplus_client_that_a_person_decided(self):
        world = good()
        world.call(SECOND, 11, "requested", outcome="unknown", client=2)
        world.event(SECOND, "run.held", {"text": "look"})
        world.event(SECOND, "run.resolved", {"choice": "retry_anyway", "reason": "lost"}, actor="person:test")
        world.call(SECOND, 12, "requested", client=3)
        world.row(SECOND, state="token-pending")
        self.accepts(world)

    def test_accepts_a_client_that_was_replaced(self):
        world = good()
        world.definition["states"]["requested"]["reconcile"] = {"one": "replace"}
        world.call(SECOND, 11, "requested", outcome="unknown", client=2)
        self.delete(world, 12, 2, purpose="replace")
        world.call(SECOND, 13, "requested", client=3)
        world.row(SECOND, state="token-pending")
        self.accepts(world)

    def delete(self, world, number, client, purpose, run=SECOND):
        identifier = attempt_id(number)
        world.event(run, "attempt.started", {
            "state": "requested", "purpose": purpose, "request": "DELETE wpp:/clients/${data.client_id}",
            "repeatable": True}, identifier)
        world.clock += 1_000_000
        world.ledger.append({
            "ordinal": len(world.ledger) + 1, "receivedAtMilliseconds": world.clock // 1000, "method": "DELETE",
            "path": f"/clients/client-{client}", "requestId": identifier, "status": 204, "faults": [],
            "decision": {"kind": "client-deleted", "client": client}, "delivery": "delivered"})
        world.event(run, "attempt.done", {"state": "requested", "evidence": {"status": 204}}, identifier)

    # Who made what

    def lost(self, **values):
        """The second run made client 2 and lost the answer."""
        world = good()
        world.definition["states"]["requested"].update(reconcile={"one": "adopt"}, **values)
        world.call(SECOND, 11, "requested", outcome="unknown", client=2)
        return world

    def end(self, world, status="cancelled", **row):
        world.event(SECOND, f"run.{status}", {"state": "requested"})
        world.row(SECOND, status=status, **{"owns_key": True, "may_be_left": True, **row})

    def test_accepts_what_was_taken_back_and_what_is_listed_as_left(self):
        world = self.lost(undo="delete_client")
        self.delete(world, 12, 2, purpose="undo")
        self.end(world, owns_key=False, may_be_left=False)
        self.accepts(world)
        world = self.lost()
        self.end(world)
        self.accepts(world)

    def test_F1_a_client_of_others_is_deleted(self):
        world = self.lost(undo="delete_client")
        self.delete(world, 12, 7, purpose="undo")
        self.end(world)
        self.finds("F1", world, "client 7, which others made")

    def test_F1_a_client_of_another_run_is_deleted(self):
        world = self.lost(undo="delete_client")
        self.delete(world, 12, 1, purpose="undo")
        self.end(world)
        self.finds("F1", world, f"client 1, which run {FIRST} made")

    def test_F1_a_delete_that_did_nothing_counts_too(self):
        world = self.lost(undo="delete_client")
        self.delete(world, 12, 7, purpose="undo")
        world.ledger[-1]["decision"]["kind"] = "refused"
        self.end(world)
        self.finds("F1", world, "client 7")

    def test_accepts_that_the_definition_takes_back_what_was_adopted(self):
        world = self.lost(undo={"call": "delete_client", "adopted": True})
        self.delete(world, 12, 7, purpose="undo")
        self.end(world)
        self.accepts(world)

    def test_F2_what_was_made_is_forgotten(self):
        world = self.lost()
        world.event(SECOND, "undo.started", {"state": "requested"})
        self.end(world, may_be_left=False)
        self.finds("F2", world, "its client 2 is there")

    def test_F2_a_second_thing_that_a_late_answer_named_is_forgotten(self):
        for row, is_found in [({}, True), ({"may_be_left": True}, False)]:
            world = self.lost()
            world.event(SECOND, "run.held", {"state": "requested", "choices": ["retry_anyway"]})
            world.event(
                SECOND, "run.resolved", {"choice": "retry_anyway", "state": "requested", "reason": "none"},
                actor="person:test")
            world.call(SECOND, 12, "requested", client=3)
            world.call(SECOND, 13, "token-pending", client=3)
            world.succeed(SECOND)
            world.row(SECOND, **row)
            world.event(SECOND, "attempt.late", {"state": "requested", "outcome": "done"}, attempt_id(11))
            if is_found:
                self.finds("F2", world, "a late answer named client 2")
            else:
                self.accepts(world)

    def test_F2_a_delete_that_did_nothing_is_found_where_the_definition_looks(self):
        for gone, is_found in [({"call": "list"}, True), ("not_checkable", False)]:
            world = self.lost(undo={"call": "delete_client", "gone": gone})
            self.delete(world, 12, 2, purpose="undo")
            world.ledger[-1]["decision"]["kind"] = "refused"
            self.end(world, may_be_left=False)
            if is_found:
                self.finds("F2", world, "its client 2 is there")
            else:
                self.accepts(world)

    def test_O1_two_runs_of_a_key_each_have_one(self):
        world = good()
        world.row(SECOND, key="+1")
        world.call(SECOND, 11, "requested", client=2)
        self.edit(self.event(world, "run.requested", SECOND), key="+1")
        self.finds("O1", world, "key +1 has 2 things of state requested: clients 1, 2")

    # Streams

    def test_L1_a_gap(self):
        world = good()
        world.events.remove(self.event(world, "attempt.not_done"))
        self.finds("L1", world, "are numbered")

    def test_L1_an_event_without_a_run(self):
        world = good()
        del world.runs[SECOND]
        world.tasks.remove(SECOND)
        self.finds("L1", world, "belongs to no run")

    def test_L2_another_beginning(self):
        world = good()
        self.event(world, "run.requested")["type"] = "state.entered"
        self.finds("L2", world, "begins with")

    def test_L2_a_second_end(self):
        world = good()
        world.event(FIRST, "run.failed", {"state": "active"})
        self.finds("L2", world, "follows its end")

    def test_L2_an_unknown_type(self):
        world = good()
        world.event(SECOND, "run.teleported", {})
        self.finds("L2", world, "unknown type")

    def test_accepts_an_end_that_is_diagnosed(self):
        world = good()
        world.event(FIRST, "run.diagnosed", {"verdict": "works"})
        self.accepts(world)

    def test_L4_an_end_diagnosed_twice(self):
        world = good()
        world.event(FIRST, "run.diagnosed", {"verdict": "works"})
        world.event(FIRST, "run.diagnosed", {"verdict": "works"})
        self.finds("L4", world, "a second time")

    def test_L4_a_diagnosis_without_an_end(self):
        world = good()
        world.event(SECOND, "run.diagnosed", {"verdict": "works"})
        self.finds("L4", world, "has not ended")

    def test_L3_an_edited_event(self):
        world = good()
        world.lines()
        world.rehashed = False
        self.edit(self.event(world, "attempt.not_done"), error="other")
        self.finds("L3", world, "hash of its content")

    def test_L3_a_tail_cut_off(self):
        world = good()
        world.lines()
        world.rehashed = False
        world.runs[SECOND]["hash"] = "00" * 32
        self.finds("L3", world, "hash of its last event")

    def test_L5_two_runs_with_one_key(self):
        world = good()
        world.row(SECOND, key="+1")
        self.finds("L5", world, "is held by run")

    # The projection and the queue

    def test_S1_state(self):
        world = good()
        world.row(FIRST, state="token-pending")
        self.finds("S1", world, "its events lead to active")

    def test_S1_status(self):
        world = good()
        world.row(SECOND, status="held")
        self.finds("S1", world, "its events say live")

    def test_S1_number(self):
        world = good()
        world.row(SECOND, seq=7)
        self.finds("S1", world, "stands at event 7")

    def test_S1_key(self):
        world = good()
        world.row(FIRST, owns_key=False)
        self.finds("S1", world, "does not hold")

    def test_S1_a_failed_run_lets_go_of_its_key_though_its_client_may_be_there(self):
        world = good()
        world.call(SECOND, 11, "requested", client=2)
        world.event(SECOND, "run.failed", {"state": "token-pending"})
        world.row(SECOND, status="failed", state="token-pending", owns_key=False)
        self.finds("S1", world, "its events say otherwise")
        self.finds("E3", world, "let go of its key")

    def test_T1_a_live_run_without_a_queue_row(self):
        world = good()
        world.tasks.remove(SECOND)
        self.finds("T1", world, "with 0 queue rows")

    def test_T1_an_ended_run_with_a_queue_row(self):
        world = good()
        world.tasks.append(FIRST)
        self.finds("T1", world, "with 1 queue rows")

    # Attempts, epochs, requests

    def test_X1_two_open_attempts(self):
        world = good()
        world.event(SECOND, "attempt.started", {"state": "requested", "request": "POST wpp:/clients"}, attempt_id(11))
        world.event(SECOND, "attempt.started", {"state": "requested", "request": "POST wpp:/clients"}, attempt_id(12))
        self.finds("X1", world, "is open")

    def test_X1_an_end_with_an_open_attempt(self):
        world = good()
        world.event(SECOND, "attempt.started", {"state": "requested", "request": "POST wpp:/clients"}, attempt_id(11))
        world.event(SECOND, "run.held", {})
        world.row(SECOND, status="held")
        self.finds("X1", world, "open")

    def test_X2_a_request_without_an_intent(self):
        world = good()
        world.ledger[1]["requestId"] = attempt_id(99)
        self.finds("X2", world, "no committed intent")

    def test_X2_a_request_without_an_id(self):
        world = good()
        del world.ledger[1]["requestId"]
        self.finds("X2", world, "no committed intent")

    def test_X2_a_request_before_its_intent(self):
        world = good()
        world.ledger[0]["receivedAtMilliseconds"] -= 5000
        self.finds("X2", world, "came before its intent")
        self.assertEqual(world.check(more=["--clock-error", "3000"])[0], 1)
        self.assertEqual(world.check(more=["--clock-error", "6000"])[0], 0)

    def test_X2_another_request_than_announced(self):
        world = good()
        world.ledger[0]["path"] = "/clients/all"
        self.finds("X2", world, "not what its intent announced")

    def test_X2_an_answer_to_a_request_that_never_came(self):
        world = good()
        del world.ledger[2]
        self.finds("X2", world, "never had its request")

    def test_X2_an_arrived_request_that_is_said_not_to_have_been_sent(self):
        world = good()
        self.edit(self.event(world, "attempt.not_done"), evidence={"request_head_sent": False})
        self.finds("X2", world, "not to have been sent")

    def test_X3_an_older_epoch(self):
        world = good()
        world.call(SECOND, 11, "requested", epoch=3, client=2)
        world.call(SECOND, 12, "token-pending", epoch=2, client=2)
        world.row(SECOND, state="active", epoch=3)
        self.finds("X3", world, "after epoch 3")

    def test_X3_an_answer_of_another_epoch(self):
        world = good()
        world.call(SECOND, 11, "requested", epoch=1, closing_epoch=2, client=2)
        world.row(SECOND, state="token-pending", epoch=2)
        self.finds("X3", world, "closes an attempt of epoch 1")

    def test_X3_an_attempt_closed_twice(self):
        world = good()
        again = self.event(world, "attempt.done", last=True)
        world.events.remove(self.event(world, "run.succeeded"))
        world.runs[FIRST]["seq"] -= 1
        world.event(FIRST, "attempt.not_done", {"state": "token-pending"}, again["attempt"])
        world.event(FIRST, "run.succeeded", {"state": "active"})
        self.finds("X3", world, "a second time")

    def test_X6_a_request_sent_twice(self):
        world = good()
        world.ledger.append({**copy.deepcopy(world.ledger[2]), "ordinal": 4})
        self.finds("X6", world, "was sent 2 times")

    # Clients

    def test_E1_two_clients_though_a_way_is_declared(self):
        for way in ({"reconcile": {"one": "adopt"}}, {"call": {"idempotency": {"header": "K", "honoured": "1d"}}}):
            world = good()
            world.definition["states"]["requested"].update(way)
            world.call(SECOND, 11, "requested", outcome="unknown", client=2)
            world.call(SECOND, 12, "requested", client=3)
            world.row(SECOND, state="token-pending")
            self.finds("E1", world, "2 clients at once")

    def test_E2_a_resend_that_nobody_decided(self):
        world = good()
        world.call(SECOND, 11, "requested", outcome="unknown", client=2)
        world.call(SECOND, 12, "requested", client=3)
        world.row(SECOND, state="token-pending")
        self.finds("E2", world, "2 clients at once")
        self.finds("E2", world, "without a person's decision")

    def test_E2_a_decision_to_adopt_is_none_to_send_again(self):
        world = good()
        world.call(SECOND, 11, "requested", outcome="unknown", client=2)
        world.event(SECOND, "run.held", {})
        world.event(SECOND, "run.resolved", {"choice": "done"}, actor="person:test")
        world.call(SECOND, 12, "requested", client=3)
        world.row(SECOND, state="token-pending")
        self.finds("E2", world, "decided 0 times")

    def test_E2_trying_again_what_is_harmless_is_no_leave_to_send_again(self):
        world = good()
        world.call(SECOND, 11, "requested", outcome="unknown", client=2)
        world.event(SECOND, "run.held", {})
        world.event(SECOND, "run.resolved", {"choice": "retry"}, actor="person:test")
        world.call(SECOND, 12, "requested", client=3)
        world.row(SECOND, state="token-pending")
        self.finds("E2", world, "without a person's decision")

    def test_accepts_a_taken_over_run_and_a_reopened_one(self):
        world = good()
        world.call(SECOND, 11, "requested", outcome="unknown", client=2)
        world.event(SECOND, "run.held", {})
        world.event(SECOND, "run.taken_over", {"by": FIRST}, actor="person:test")
        world.row(SECOND, status="cancelled", owns_key=False, may_be_left=True)
        self.accepts(world)
        world = good()
        world.call(SECOND, 11, "requested", client=2)
        world.event(SECOND, "state.entered", {"state": "failed"})
        world.event(SECOND, "run.failed", {"state": "failed"})
        world.event(SECOND, "run.reopened", {"state": "token-pending"}, actor="person:test")
        world.row(SECOND, state="token-pending")
        self.accepts(world)

    def test_E2_a_client_made_by_an_attempt_that_is_closed_as_not_done(self):
        world = good()
        world.call(SECOND, 11, "requested", outcome="not_done", client=2)
        self.finds("E2", world, "made a client")

    def test_E3_a_success_whose_client_is_deleted(self):
        world = good()
        world.call(SECOND, 11, "requested", client=2)
        self.delete(world, 12, 2, purpose="undo")
        world.call(SECOND, 13, "token-pending", client=2)
        world.succeed(SECOND)
        self.finds("E3", world, "its client is deleted")

    def test_E4_a_token_for_another_run_s_client(self):
        world = good()
        world.call(SECOND, 11, "requested", client=2)
        world.call(SECOND, 12, "token-pending", client=1)
        world.row(SECOND, state="active")
        self.finds("E4", world, "not its own")

    def probe(self, world, credential, of_run=None, client=1, done=True, asked=True, run=SECOND):
        identifier = attempt_id(40)
        if asked:
            world.event(run, "probe.asked", {"probe": "p", "reason": "why"}, actor="person:test")
        intent = {"state": "s", "purpose": "probe", "probe": "p", "credential": credential, "repeatable": True,
                  "request": "POST wpp:/auth/token"}
        if of_run:
            intent["of_run"] = of_run
        world.event(run, "attempt.started", intent, identifier)
        world.clock += 1_000_000
        status = 200 if done else 403
        world.ledger.append({
            "ordinal": len(world.ledger) + 1, "receivedAtMilliseconds": world.clock // 1000, "method": "POST",
            "path": "/auth/token", "requestId": identifier, "status": status, "faults": [],
            "decision": {"kind": "token-issued" if done else "refused", "client": client if done else None},
            "delivery": "delivered"})
        world.event(run, "attempt.done" if done else "attempt.not_done",
                    {"state": "s", "probe": "p", "evidence": {"status": status}}, identifier)

    def test_a_probe_with_the_older_key_or_a_made_up_one_is_the_run_s_own_business(self):
        world = good()
        world.call(SECOND, 11, "requested", client=2)
        world.call(SECOND, 12, "token-pending", outcome="not_done", kind="refused", status=403, client=2)
        self.probe(world, "older", of_run=FIRST)
        world.row(SECOND, state="token-pending")
        self.accepts(world)
        ended = good()
        ended.call(SECOND, 11, "requested", client=2)
        ended.call(SECOND, 12, "token-pending", client=2)
        ended.succeed(SECOND)
        self.probe(ended, "random", done=False)
        self.accepts(ended)

    def test_E4_a_probe_that_got_a_token_for_a_key_it_had_not(self):
        for credential, of_run, client in [("random", None, 1), ("older", FIRST, 2)]:
            world = good()
            world.call(SECOND, 11, "requested", client=2)
            self.probe(world, credential, of_run, client)
            self.finds("E4", world, "whose key it had not")

    def test_T1_a_probe_that_is_under_way_has_a_queue_row_and_one_that_is_over_has_none(self):
        world = good()
        world.event(FIRST, "probe.asked", {"probe": "p", "reason": "why"}, actor="person:test")
        self.finds("T1", world, "with 0 queue rows")
        world.tasks.append(FIRST)
        self.accepts(world)
        world.event(FIRST, "probe.dropped", {"probe": "p", "why": "no room"})
        self.finds("T1", world, "with 1 queue rows")

    def test_E5_a_request_after_the_end(self):
        world = good()
        world.ledger[2]["receivedAtMilliseconds"] += 100_000
        self.finds("E5", world, "came after its end")

    # What cannot be concluded

    def test_no_request_is_inconclusive(self):
        world = World()
        world.add_run(FIRST, "+1")
        self.assertEqual(world.check()[0], 3)

    def test_a_fault_that_never_fired_is_inconclusive(self):
        code, said = good().check(faults=[{"name": "lost", "fired": 0}, {"name": "late", "fired": 2}])
        self.assertEqual(code, 3)
        self.assertIn("lost never fired", said)
        self.assertEqual(good().check(faults=[{"name": "late", "fired": 2}])[0], 0)

    def test_bad_input_is_neither(self):
        self.assertEqual(good().check(ledger="no json\n")[0], 2)


if __name__ == "__main__":
    unittest.main()
