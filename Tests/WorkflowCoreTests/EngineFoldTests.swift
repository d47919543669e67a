import Testing
import WorkflowCore

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
        "A gap, a repeat, an unknown type and a second first event are refused",
        arguments: [
            (4, "run.held", "stands at 2"), (2, "run.held", "stands at 2"), (1, "run.held", "stands at 2"),
            (Int64.min, "run.held", "stands at 2"), (3, "run.exploded", "not known to this version"),
            (3, "run.requested", "stands twice"),
        ] as [(Int64, String, String)])
    func refuses(_ seq: Int64, _ type: String, _ message: String) throws {
        let run = try started()
        let error = #expect(throws: EvolveError.self) { try evolve(run.state, run: id, event(seq, type)) }
        #expect(error?.seq == seq)
        #expect(error?.message.contains(message) == true)
    }

    @Test("A stream begins with a complete run.requested at 1")
    func firstEvent() throws {
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

    @Test(
        "With an attempt open, only its own closing event and what people and late workers write may follow",
        arguments: [
            ("attempt.started", false), ("state.entered", false), ("run.held", false), ("run.succeeded", false),
            ("run.failed", false), ("run.cancelled", false), ("cancel.requested", true), ("attempt.late", true),
        ])
    func whileOpen(_ type: String, _ isTaken: Bool) throws {
        let run = try started()
        let next = event(3, type, [:], Identifier(high: 5, low: 5))
        if isTaken {
            #expect(try evolve(run.state, run: id, next).openAttempt == run.state.openAttempt)
        } else {
            #expect(throws: EvolveError.self) { try evolve(run.state, run: id, next) }
        }
    }

    @Test(
        "A closing event closes the open attempt, once, and no other",
        arguments: [
            "attempt.done", "attempt.not_done", "attempt.unknown",
        ])
    func closings(_ type: String) throws {
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

    @Test("After the end nothing follows but evidence and a wish that comes too late", arguments: EventType.allCases)
    func afterTheEnd(_ type: EventType) throws {
        var run = try TestRun(Sample.single())
        try run.claim()
        try run.finish(.issued)
        let next = event(run.state.seq + 1, type.rawValue, ["state": "one"], open)
        if [.attemptLate, .cancelRequested, .retryRequested].contains(type) {
            let after = try evolve(run.state, run: id, next)
            #expect(after.status == .succeeded && after.state == "active" && after.reason == run.state.reason)
        } else {
            #expect(throws: EvolveError.self) { try evolve(run.state, run: id, next) }
        }
    }

    @Test("A held run starts no attempt")
    func whileHeld() throws {
        var run = try started()
        try run.finish(.unknown("timeout"))
        let next = event(run.state.seq + 1, "attempt.started", [:], Identifier(high: 9, low: 9))
        #expect(throws: EvolveError.self) { try evolve(run.state, run: id, next) }
    }
}

@Suite("A snapshot is the whole state")
struct EngineSnapshotTests {
    private func read(_ snapshot: Snapshot, status: RunStatus = .live) -> RunState? {
        RunState(
            id: Identifier(high: 7, low: 9), workflow: "w", version: 1, definitionDigest: "d", organisation: "o",
            key: "k", status: status, seq: 9, snapshot: snapshot)
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

    @Test("Times that only the commit knows are marked, and put in by it")
    func times() throws {
        var run = try TestRun(Sample.flagship())
        try run.claim()
        let decision = decide(
            run.state, run.definition, .finished(.created), Surroundings(now: run.now, random: 0))
        let snapshot = decision.state.snapshot
        #expect(snapshot.times == [TestRun.start.microseconds, -1, -1])
        let time = Instant(microseconds: 77)
        let filled = Snapshot(json: snapshot.json, times: snapshot.times.map { $0 == -1 ? 77 : $0 })
        let again = try #require(read(filled))
        #expect(again.enteredAt == time && again.secret("api_key")?.sealedAt == time)
        #expect(decision.state.committed(at: time).snapshot == filled)
    }

    @Test("The status is the snapshot's own, though the row's may be newer")
    func status() throws {
        let snapshot = try full().snapshot
        #expect(read(snapshot, status: .cancelled)?.status == .live)
    }

    @Test("A snapshot that is broken anywhere is not read at all")
    func broken() throws {
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
