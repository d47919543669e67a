import Testing

@testable import WorkflowCore

@Suite("The fold takes only a stream that can have happened")
struct EngineFoldTests {
    private let id = Identifier(high: 7, low: 9)
    private let open = Identifier(high: 1, low: 1)

    private func event(_ seq: Int64, _ type: String, _ body: JSONObject = [:], _ attempt: Identifier? = nil)
        -> RecordedEvent
    {
        RecordedEvent(
            seq: seq, type: type, body: body, epoch: 1, attemptId: attempt, actor: "a",
            recordedAt: Instant(microseconds: seq))
    }

    /// A run with one attempt under way.
    private func started() throws -> TestRun {
        var run = try TestRun(Sample.flagship())
        try run.claim()
        return run
    }

    @Test(
        arguments: [
            (4, "run.held", "stands at 2"), (2, "run.held", "stands at 2"), (1, "run.held", "stands at 2"),
            (Int64.min, "run.held", "stands at 2"), (3, "run.exploded", "not known to this version"),
            (3, "run.requested", "stands twice"),
        ] as [(Int64, String, String)])
    func `a gap, a repeat, an unknown type and a second first event are refused`(
        _ seq: Int64, _ type: String, _ message: String
    ) throws {
        let run = try started()
        let error = #expect(throws: EvolveError.self) { try evolve(run.state, run: id, event(seq, type)) }
        #expect(error?.seq == seq)
        #expect(error?.message.contains(message) == true)
    }

    @Test func `a stream begins with a complete run.requested at 1`() throws {
        let body = TestRun.requested(Sample.flagship(), ["number": "+34600111222"])
        #expect(try evolve(nil, run: id, event(1, "run.requested", body)).state == "requested")
        #expect(throws: EvolveError.self) { try evolve(nil, run: id, event(2, "run.requested", body)) }
        #expect(throws: EvolveError.self) { try evolve(nil, run: id, event(1, "run.held")) }
        for name in body.members.map(\.name) {
            var less = body
            less[name] = nil
            #expect(throws: EvolveError.self) { try evolve(nil, run: id, event(1, "run.requested", less)) }
        }
    }

    @Test(arguments: [
        ("attempt.started", false), ("state.entered", false), ("run.held", false), ("run.succeeded", false),
        ("run.failed", false), ("run.cancelled", false), ("cancel.requested", true), ("attempt.late", true),
        ("probe.dropped", false), ("secret.read", true),
    ])
    func `with an attempt open, only its own closing event and what people and late workers write may follow`(
        _ type: String, _ isTaken: Bool
    ) throws {
        let run = try started()
        let next = event(3, type, [:], Identifier(high: 5, low: 5))
        if isTaken {
            #expect(try evolve(run.state, run: id, next).openAttempt == run.state.openAttempt)
        } else {
            #expect(throws: EvolveError.self) { try evolve(run.state, run: id, next) }
        }
    }

    @Test(arguments: [
        "attempt.done", "attempt.not_done", "attempt.unknown",
    ])
    func `a closing event closes the open attempt, once, and no other`(_ type: String) throws {
        let run = try started()
        for wrong in [nil, Identifier(high: 1, low: 2)] {
            #expect(throws: EvolveError.self) { try evolve(run.state, run: id, event(3, type, [:], wrong)) }
        }
        let closed = try evolve(run.state, run: id, event(3, type, [:], open))
        #expect(closed.openAttempt == nil)
        #expect(closed.mayHaveLeftSomething == (type != "attempt.not_done"))
        #expect(throws: EvolveError.self) { try evolve(closed, run: id, event(4, type, [:], open)) }
        #expect(throws: EvolveError.self) { try evolve(closed, run: id, event(4, "attempt.started")) }
        let sealed: JSONObject = ["sealed": [["name": "api_key"]]]
        #expect(throws: EvolveError.self) { try evolve(run.state, run: id, event(3, type, sealed, open)) }
    }

    @Test(arguments: EventType.allCases)
    func `after the end nothing follows but evidence and a wish that comes too late`(_ type: EventType) throws {
        var run = try TestRun(Sample.single())
        try run.claim()
        try run.finish(.issued)
        let next = event(run.state.seq + 1, type.rawValue, ["state": "one", "probe": "p"], open)
        let mayFollow: Set<EventType> = [
            .attemptLate, .cancelRequested, .retryRequested, .inspectionRequested, .runInspected, .runDiagnosed,
            .probeAsked, .secretRead,
        ]
        if mayFollow.contains(type) {
            let after = try evolve(run.state, run: id, next)
            #expect(after.status == .succeeded && after.state == "active" && after.reason == run.state.reason)
        } else if type == .releaseRequested {
            #expect(try evolve(run.state, run: id, next).status == .live)
        } else {
            #expect(throws: EvolveError.self) { try evolve(run.state, run: id, next) }
        }
    }

    @Test func `an end is diagnosed once, and only an end`() throws {
        var run = try TestRun(Sample.single())
        try run.claim()
        let diagnosis = event(run.state.seq + 1, "run.diagnosed", ["verdict": "works"])
        #expect(throws: EvolveError.self) { try evolve(run.state, run: id, diagnosis) }
        try run.finish(.issued)
        let once = try evolve(run.state, run: id, event(run.state.seq + 1, "run.diagnosed", ["verdict": "works"]))
        #expect(once.isDiagnosed && once.status == .succeeded && once.state == run.state.state)
        let again = event(once.seq + 1, "run.diagnosed", ["verdict": "works"])
        #expect(throws: EvolveError.self) { try evolve(once, run: id, again) }
    }

    @Test func `a run that failed, was reopened and fails again is diagnosed again`() throws {
        var state = try TestRun(Sample.single()).state
        func next(_ type: String, _ body: JSONObject = [:]) throws {
            state = try evolve(state, run: id, event(state.seq + 1, type, body))
        }
        try next("run.failed")
        try next("run.diagnosed")
        try next("run.reopened", ["state": .string(state.state)])
        #expect(throws: EvolveError.self) { try next("run.diagnosed") }
        try next("run.failed")
        #expect(!state.isDiagnosed)
        try next("run.diagnosed")
        #expect(state.isDiagnosed)
    }

    @Test func `a held run starts no attempt`() throws {
        var run = try started()
        try run.finish(.unknown("timeout"))
        let next = event(run.state.seq + 1, "attempt.started", [:], Identifier(high: 9, low: 9))
        #expect(throws: EvolveError.self) { try evolve(run.state, run: id, next) }
    }
}

@Suite("A snapshot is the whole state")
struct EngineSnapshotTests {
    @Test func `each property of a state is in its snapshot, or stands beside it`() throws {
        var state = try TestRun(Sample.flagship()).state
        var coder = SnapshotCoder.writing()
        state.code(&coder)
        // Beside it: id and seq. Once and for all: what was requested.
        let constants = [
            "id", "seq", "workflow", "version", "definitionDigest", "organisation", "key", "input", "requestedAt",
        ]
        let properties = Mirror(reflecting: state).children.compactMap(\.label)
        #expect(Set(constants).isSubset(of: properties))
        #expect(coder.fieldCount == properties.count - constants.count)
    }

    private func read(_ snapshot: Snapshot) -> RunState? {
        RunState(id: Identifier(high: 7, low: 9), seq: 9, snapshot: snapshot)
    }

    /// A state with all parts: retried, cancelled, with secrets and an open attempt.
    private func full() throws -> RunState {
        var run = try TestRun(Sample.flagship())
        try run.claim()
        try run.finish(.created)
        try run.finish(.notActive)
        try run.claim(after: 1000)
        try run.cancel()
        return run.state
    }

    @Test func `times that only the commit knows are marked, and put in by it`() throws {
        var run = try TestRun(Sample.flagship())
        try run.claim()
        let decision = decide(
            run.state, run.definition, .finished(.created), DecisionContext(now: run.now, random: 0))
        let snapshot = decision.state.snapshot
        #expect(snapshot.times == [TestRun.start.microseconds, -1, -1])
        let time = Instant(microseconds: 77)
        let filled = Snapshot(json: snapshot.json, times: snapshot.times.map { $0 == -1 ? 77 : $0 })
        let again = try #require(read(filled))
        #expect(again.enteredAt == time && again.secret("api_key")?.sealedAt == time)
        #expect(decision.state.committed(at: time).snapshot == filled)
    }

    @Test func `the snapshot alone says what the run is: no row has to be read beside it`() throws {
        let state = try full()
        let again = try #require(read(state.snapshot))
        #expect(again.status == .live && again.workflow == state.workflow && again.version == state.version)
        #expect(again.organisation == state.organisation && again.key == state.key)
        #expect(again.definitionDigest == state.definitionDigest)
    }

    @Test func `a snapshot that is broken anywhere is not read at all`() throws {
        let snapshot = try full().snapshot
        let names = snapshot.json.objectValue?.members.map(\.name) ?? []
        #expect(
            Set(names).isSuperset(of: ["counters", "secrets", "open_attempt", "cancel", "data", "may_have_created"]))
        #expect(read(snapshot) != nil)
        for name in names {
            for wrong in [JSONValue.null, [1], ["x": 1]] {
                var json = snapshot.json.objectValue ?? [:]
                if name == "data" || name == "input", wrong.objectValue != nil { continue }
                json[name] = wrong
                #expect(read(Snapshot(json: .object(json), times: snapshot.times)) == nil, "\(name): \(wrong)")
            }
        }
        for lost in 0..<snapshot.times.count {
            #expect(read(Snapshot(json: snapshot.json, times: Array(snapshot.times.prefix(lost)))) == nil)
        }
        #expect(read(Snapshot(json: [], times: [])) == nil)
    }
}
