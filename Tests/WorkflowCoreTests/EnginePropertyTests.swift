import Testing
import WorkflowCore

/// Definitions, answers and people's wishes, drawn by chance.
private struct Fate {
    var random: SeededRandom

    mutating func chance(_ percent: Int) -> Bool { random.below(100) < percent }

    mutating func pick<Element>(_ items: [Element]) -> Element { items[random.below(items.count)] }

    mutating func result() -> AttemptResult {
        let later: Int64? = chance(15) ? pick([0, 700, 90_000, .max]) : nil
        switch random.below(10) {
        case 0, 1: return .created
        case 2: return AttemptResult(outcome: .done, status: 200, saved: ["session": "s-1"], isMade: chance(50))
        case 3: return AttemptResult(outcome: .done, saved: JSONObject([("session", random.json(depth: 1).storable)]))
        case 4:
            return AttemptResult(
                outcome: .notDone, error: "key_not_active", status: 403, retryAfterMilliseconds: later)
        case 5:
            return AttemptResult(
                outcome: .notDone, error: "http.429", status: 429, isCounted: false, retryAfterMilliseconds: later)
        case 6: return .refused
        case 7: return .unknown(pick(["timeout", "connection_lost", "bad_answer"]))
        case 8: return .unknown("http.503", status: 503)
        default: return AttemptResult(outcome: .notDone, error: pick(["a", "http.400", "expression"]), status: 400)
        }
    }

    /// What a look-up says.
    mutating func find() -> AttemptResult {
        switch random.below(8) {
        case 0: .unknown(pick(["timeout", "bad_answer"]))
        case 1: .refused
        case 2: AttemptResult(outcome: .notDone, error: "http.403", status: 403)
        case 3: AttemptResult(outcome: .done, found: 2, candidates: [["session": "s-1"], ["session": "s-2"]])
        case 4, 5: AttemptResult(outcome: .done, saved: ["session": "s-1"], found: 1)
        case 6:
            AttemptResult(
                outcome: .done, found: 0, listed: random.below(3), inconclusive: pick([nil, "a filter"]),
                nextPage: pick([nil, "/l?page=2"]))
        default: AttemptResult(outcome: .done, found: 0)
        }
    }

    /// What a person makes of the run; nil: nothing, or the run refuses it.
    mutating func wish(_ state: RunState, _ definition: Definition) -> OperatorActionEvent? {
        let values: JSONObject = chance(70) ? ["session": "s-9"] : [:]
        do throws(OperatorActionRefusal) {
            switch random.below(6) {
            case _ where !definition.probes.isEmpty && chance(40):
                return try state.askingForProbe("p", reason: "why is it so", definition)
            case _ where state.status == .succeeded && chance(50):
                return try state.askingForInspection(reason: "is it there", definition)
            case _ where state.status == .succeeded:
                return try state.releasing(reason: "the customer has left", leavesBehind: chance(60))
            case 0: return try state.cancelling(reason: "no longer wanted")
            case 1: return try state.retrying(reason: "the platform is well again", definition)
            case 2 where chance(30): return try state.takenOver(by: Identifier(high: 7, low: 7), reason: "anew")
            default:
                let choice = pick(HoldChoice.allCases)
                return try state.resolving(
                    choice, reason: "looked", definition, values: choice == .done ? values : [:], candidate: 1)
            }
        } catch { return nil }
    }

    mutating func definition() -> Definition {
        let names = (0..<(1 + random.below(6))).map { "s\($0)" }
        let targets = names + ["active", "failed"]
        let states = names.map { name in
            StateDefinition(
                name: name, action: action(), retry: (0..<random.below(3)).map { _ in retry() },
                retriesNothing: chance(20), catches: (0..<random.below(3)).map { _ in catching(targets) },
                exit: exit(targets), reconcile: chance(40) ? reconcile() : nil,
                undo: chance(40) ? undo() : nil,
                stable: chance(15) ? StableDefinition(times: 2 + random.below(2)) : nil,
                deadlineMilliseconds: chance(20) ? pick([0, 1000, 60_000]) : nil)
        }
        return Sample.definition(
            start: "s0", states, output: [("session", "${data.session}")], hasFailureState: chance(90),
            inspect: chance(50) ? inspect() : nil,
            deadlineMilliseconds: chance(15) ? 300_000 : Definition.standardDeadlineMilliseconds,
            probes: chance(50)
                ? [
                    ProbeDefinition(
                        name: "p", call: Sample.call("p", "/p", isRepeatable: true),
                        credential: pick([.current, .random]))
                ] : [])
    }

    private mutating func action() -> StateDefinition.Action? {
        switch random.below(8) {
        case 0, 1, 2, 3, 4:
            .call(
                Sample.call(
                    "c", "/c", isRepeatable: chance(60),
                    idempotency: chance(30)
                        ? IdempotencyDefinition(header: "Key", honouredMilliseconds: pick([nil, 2000, 600_000])) : nil))
        case 5: .set(values())
        case 6: .pause(milliseconds: pick([0, 1, 5000]))
        default: nil
        }
    }

    private mutating func reconcile() -> ReconcileDefinition {
        ReconcileDefinition(
            call: Sample.call("l", "/l", isRepeatable: true), items: Sample.expression("response.body"),
            condition: Sample.expression(pick(["item.reference == run.id", "item.name == input.number"])),
            afterMilliseconds: pick([0, 10_000]), effectWithinMilliseconds: pick([nil, 0, 5000]),
            filter: pick([nil, .exact, .loose]), pages: pick([nil, LookUpPages(.link, most: 2)]),
            withinMilliseconds: pick([nil, 0, 60_000]), one: pick(ReconcileOne.allCases),
            none: pick(ReconcileNone.allCases))
    }

    private mutating func undo() -> UndoDefinition {
        Sample.undo(
            "u", "/u/${data.session}", isRepeatable: chance(80),
            gone: chance(60) ? .lookUp(reconcile()) : .notCheckable,
            before: chance(30)
                ? [Sample.call("b", "/b", isRepeatable: true, save: [("x0", "${response.body.t}")])] : [],
            retry: (0..<random.below(2)).map { _ in retry() }, takesBackAdopted: chance(30))
    }

    private mutating func values() -> [NamedTemplate] {
        let sources = [
            "${1 + 1}", "${data.session}", "${data.x}", "t ${state.attempts}", "${error.status}", "${run.key}",
        ]
        return (0..<random.below(3)).map { NamedTemplate(name: "x\($0)", template: Sample.template(pick(sources))) }
    }

    private mutating func retry() -> RetryEntry {
        RetryEntry(
            errors: [pick(["key_not_active", "transient", "any", "a", "http.4xx", "unknown_outcome"])],
            policy: RetryPolicy(
                name: "p", delayMilliseconds: pick([0, 100, 1000]), jitter: pick(RetryPolicy.Jitter.allCases),
                maximumAttempts: 1 + random.below(4), withinMilliseconds: chance(50) ? pick([0, 5000, 100_000]) : nil))
    }

    private mutating func inspect() -> InspectDefinition {
        let call = Sample.call("i", "/i/${data.session}", isRepeatable: true)
        return InspectDefinition(
            chance(50) ? .lookUp(reconcile()) : .call(call),
            before: chance(30) ? [Sample.call("t", "/t", isRepeatable: true)] : [],
            drifted: pick([[], ["http.403"], ["any"], ["key_not_active"]]),
            everyMilliseconds: pick([nil, 60_000, 86_400_000]), retry: (0..<random.below(2)).map { _ in retry() },
            retriesNothing: chance(20))
    }

    private mutating func catching(_ targets: [String]) -> CatchEntry {
        CatchEntry(
            errors: [pick(["any", "expression", "key_not_active", "http.4xx", "transient"])],
            target: chance(25)
                ? .hold(Sample.template(pick(["stuck on ${error.name}", "${data.none}"]))) : .next(pick(targets)),
            set: values())
    }

    private mutating func exit(_ targets: [String]) -> StateDefinition.Exit {
        guard chance(30) else { return .next(pick(targets)) }
        let conditions = ["has(data.session)", "data.x0 == 2", "state.attempts > 1", "true"]
        return .choose(
            (0..<random.below(3)).map { _ in
                do {
                    return StateDefinition.Branch(
                        condition: try Expression.parse(pick(conditions)), next: pick(targets))
                } catch {
                    return StateDefinition.Branch(condition: nil, next: "failed")
                }
            } + (chance(80) ? [StateDefinition.Branch(condition: nil, next: pick(targets))] : []))
    }
}

extension JSONValue {
    /// As an answer's value that was let in.
    fileprivate var storable: JSONValue { containsNul ? "no" : self }
}

/// What happened over many runs, so that a test can tell that it saw everything.
private struct Tally {
    var types: Set<String> = []
    var statuses: Set<RunStatus> = []
    var sends = 0

    /// One run under chance, every commit of which is checked by `TestRun`.
    mutating func live(_ definition: Definition, _ fate: inout Fate, steps: Int) throws -> TestRun {
        var run = try TestRun(definition)
        var next = try run.claim(sends: fate.chance(90))
        for _ in 0..<steps {
            run.random = fate.random.next()
            if fate.chance(2), run.state.cancel == nil { try run.cancel() }
            if run.state.status != .live || fate.chance(3), fate.chance(80), let verb = fate.wish(run.state, definition)
            {
                try run.take(verb, after: fate.chance(50) ? 5000 : 400_000)
                if run.state.openAttempt == nil { next = try run.claim(sends: fate.chance(90)) }
            }
            if let attempt = run.state.openAttempt {
                sends += 1
                let isLookUp = [.lookup, .gone, .inspect].contains(attempt.purpose)
                // Now and then the worker is lost instead.
                next =
                    fate.chance(8)
                    ? try run.claim(after: 60_000)
                    : try run.finish(isLookUp ? fate.find() : fate.result(), after: 40)
            } else if case .wait(let milliseconds, _) = next {
                guard milliseconds < 1_000_000_000 else { break }
                next = try run.claim(after: fate.chance(80) ? milliseconds : milliseconds / 2, sends: fate.chance(90))
            } else if next.calls != nil {
                next = try run.claim(sends: fate.chance(90))
            } else if run.state.status == .live {
                next = try run.claim()
            } else if fate.chance(20) {
                break
            }
        }
        if !run.state.hasTask {
            let count = run.events.count
            guard try run.claim(after: 5) == (run.state.status == .held ? .held : .ended), run.events.count == count
            else { throw BrokenPromise("a run that is \(run.state.status) went on") }
        }
        guard try run.fold() == run.state else { throw BrokenPromise("the whole stream folds to another state") }
        _ = try run.leftBehind()
        guard run.events.map(\.seq) == Array(1...Int64(run.events.count)) else {
            throw BrokenPromise("the seq has a gap")
        }
        types.formUnion(run.events.map(\.type))
        statuses.insert(run.state.status)
        return run
    }
}

@Suite("Every promise holds for every run")
struct EnginePropertyTests {
    @Test
    func `over thousands of random runs of the flagship, every commit keeps the promises and every run comes to rest`()
        throws
    {
        var tally = Tally()
        for seed in 0..<2000 as Range<UInt64> {
            var fate = Fate(random: SeededRandom(seed: seed))
            do {
                let run = try tally.live(Sample.flagship(), &fate, steps: 400)
                guard run.state.status != .live || run.state.wait.map({ $0.milliseconds > 1_000_000 }) == true else {
                    throw BrokenPromise("the run does not come to rest")
                }
                let creates = run.events.filter { $0.type == "attempt.started" && $0.body["state"] == "requested" }
                let unsafe = creates.dropLast().filter { create in
                    run.events.first { $0.attemptId == create.attemptId && $0.type != create.type }?.type
                        != "attempt.not_done" && !Self.wasDecided(create, run.events)
                }
                guard unsafe.isEmpty else { throw BrokenPromise("a create that may have worked was sent again") }
                let mayExist = run.events.contains {
                    ["attempt.done", "attempt.unknown"].contains($0.type) && $0.body["state"] == "requested"
                        && $0.body["made"] != false
                }
                let holds =
                    !run.state.status.isEnded
                    || (mayExist && run.state.takenOverBy == nil && run.state.status != .released)
                guard run.state.ownsKey == holds || run.state.status == .succeeded else {
                    throw BrokenPromise("the key is \(run.state.ownsKey ? "held" : "free")")
                }
            } catch {
                Issue.record("seed \(seed): \(error)")
                return
            }
        }
        let others = [
            "attempt.late", "attempt.settled", "reconcile.started", "undo.started", "undo.skipped", "redo.started",
            "redo.refused", "inspection.requested", "run.inspected", "run.diagnosed", "probe.asked", "probe.dropped",
            "secret.read",
        ]
        #expect(tally.types == Set(EventType.allCases.map(\.rawValue)).subtracting(others))
        #expect(tally.statuses.isSuperset(of: [.held, .succeeded, .failed, .cancelled]))
        #expect(tally.sends > 2500)
    }

    /// A person has had the request sent again, or has given it up and started the run anew.
    private static func wasDecided(_ create: RecordedEvent, _ events: [RecordedEvent]) -> Bool {
        events.contains {
            $0.seq > create.seq
                && ($0.type == "run.reopened" || ($0.type == "run.resolved" && $0.body["choice"] == "retry_anyway"))
        }
    }

    @Test func `over thousands of random definitions, every commit keeps the promises`() throws {
        var tally = Tally()
        for seed in 0..<1500 as Range<UInt64> {
            var fate = Fate(random: SeededRandom(seed: seed))
            do {
                _ = try tally.live(fate.definition(), &fate, steps: 60)
            } catch {
                Issue.record("seed \(seed): \(error)")
                return
            }
        }
        #expect(
            tally.types
                == Set(EventType.allCases.map(\.rawValue)).subtracting([
                    "attempt.late", "attempt.settled", "redo.started", "redo.refused", "run.diagnosed", "secret.read",
                ]))
        #expect(tally.statuses == Set(RunStatus.allCases))
        #expect(tally.sends > 2500)
    }
}
