import Testing
import WorkflowCore

private let asks = CallDefinition(
    name: "issue_token", method: "POST", service: "wpp", path: Sample.template("/auth/token"),
    body: .json(.template(Sample.template("${data.api_key}"))), save: Sample.named([("token", "${response.body.t}")]),
    isRepeatable: true)
private let probes = [
    ProbeDefinition(name: "same", call: asks, credential: .current),
    ProbeDefinition(name: "older", call: asks, credential: .older, key: "api_key"),
    ProbeDefinition(name: "random", call: asks, credential: .random, key: "api_key"),
]
private let older = PendingProbe.OlderKey(
    run: Identifier(high: 3, low: 4),
    reference: SealedReference(name: "api_key", version: 1, fingerprint: "01234567", length: 32))
private let tenMinutes: Int64 = 600_000

/// A create that can be taken back, then a token, and the same again after which an answer may be lost.
private func probed() -> Definition {
    Sample.definition(
        start: "requested",
        [
            StateDefinition(
                name: "requested", action: .call(Sample.create), exit: .next("token-pending"),
                undo: Sample.undo("delete", "/clients/${data.session}")),
            StateDefinition(
                name: "token-pending", action: .call(Sample.token),
                retry: [RetryEntry(errors: ["key_not_active"], policy: Sample.activation)], exit: .next("pairing")),
            StateDefinition(
                name: "pairing", action: .call(Sample.call("pair", "/pair", isRepeatable: false)),
                exit: .next("active")),
        ], probes: probes)
}

@Suite("A probe tells more of a run and changes nothing of it")
struct EngineProbeTests {
    private let definition = probed()

    /// Its key is refused, and it waits for the next try.
    private func waiting() throws -> TestRun {
        var run = try TestRun(definition)
        try run.claim()
        try run.finish(.created)
        #expect(try run.finish(.notActive).waits == 1000)
        return run
    }

    private func reaching(_ status: RunStatus) throws -> TestRun {
        var run = try waiting()
        switch status {
        case .live: break
        case .held:
            try run.claim(after: 1000)
            try run.finish(.issued)
            try run.finish(.unknown("timeout"))
        case .succeeded, .released:
            try run.claim(after: 1000)
            try run.finish(.issued)
            try run.finish(AttemptResult(outcome: .done, status: 200))
        case .failed:
            try run.claim(after: 1000)
            try run.finish(AttemptResult(outcome: .notDone, error: "http.400", status: 400))
            try run.finish(AttemptResult(outcome: .done, status: 204))
        case .cancelled:
            try run.cancel()
            try run.claim()
            try run.finish(AttemptResult(outcome: .done, status: 204))
        }
        if status == .released {
            try run.take(try run.state.releasing(reason: "the customer has left", leavesBehind: true))
            try run.claim()
            try run.finish(AttemptResult(outcome: .done, status: 204))
        }
        #expect(run.state.status == status)
        return run
    }

    private func ask(_ run: inout TestRun, _ name: String = "older") throws {
        let state = run.state
        try run.take(try state.askingForProbe(name, reason: "why", older: name == "older" ? older : nil, definition))
    }

    /// What is left to compare once seq and the time are put aside.
    private func lasting(_ state: RunState) -> [String: JSONValue] {
        let members = state.snapshot.json.objectValue?.members ?? []
        return Dictionary(uniqueKeysWithValues: members.map { ($0.name, $0.value) })
    }

    @Test(arguments: RunStatus.allCases)
    func `in every status it is sent with its own intent, and the state after it is the one before`(
        _ status: RunStatus
    ) throws {
        var run = try reaching(status)
        let before = run.state
        try ask(&run)
        #expect(run.state.hasTask && run.state.status == status)
        guard case .call(let planned) = try run.claim() else { throw BrokenPromise("nothing was sent") }
        #expect(planned.purpose == .probe && planned.probe?.older == older && planned.attemptNumber == 1)
        #expect(run.types == ["attempt.started"] && run.written.first?.body["purpose"] == "probe")
        #expect(run.written.first?.body["of_run"]?.stringValue == older.run.description)
        let answer = AttemptResult(
            outcome: .done, status: 200, saved: ["session": "another"],
            sealed: [SealedReference(name: "token", version: 9, fingerprint: "0badcafe", length: 40)])
        try run.finish(answer)
        #expect(run.types == ["attempt.done"] && run.written.first?.body["probe"] == "older")
        #expect(run.written.first?.body["saved"] == nil && run.written.first?.body["sealed"] == nil)
        #expect(lasting(run.state) == lasting(before))
        #expect(run.state.snapshot.times == before.snapshot.times)
        #expect(run.state.hasTask == (status == .live))
    }

    @Test(arguments: [
        AttemptResult.notActive, .refused, .unknown("timeout"), .unknown("http.503", status: 503),
        AttemptResult(outcome: .notDone, error: "http.429", status: 429, isCounted: false),
    ])
    func `whatever comes of it, a live run waits as long as it would have, with the same counters`(
        _ answer: AttemptResult
    ) throws {
        var run = try waiting()
        let before = run.state
        try ask(&run)
        #expect(try run.claim(after: 300).purpose == .probe)
        let left = try #require(try run.finish(answer, after: 100).waits)
        // The commits that lie between take 1.5 ms each.
        #expect((595...600).contains(left))
        #expect(run.state.counters == before.counters && run.state.wait == before.wait)
        #expect(run.state.lastError == before.lastError && run.state.attempts == before.attempts)
        #expect(run.state.uncountedInARow == 0)
        #expect(try run.claim(after: left).calls == "token-pending")
        #expect(run.state.openAttempt?.number == 2)
    }

    @Test func `what the run has to send itself goes first, and the probe comes between its requests`() throws {
        var run = try waiting()
        try ask(&run)
        #expect(try run.claim(after: 1000).purpose == .call)
        #expect(try run.finish(.notActive).purpose == .probe)
        #expect(run.types == ["attempt.not_done", "attempt.started"])
        #expect(try run.finish(.issued).waits ?? 0 > 0)
        #expect(run.state.secret("token") == nil)
    }

    @Test func `one that waits for its service never delays the run: it is looked at when its own time has come`()
        throws
    {
        var run = try waiting()
        try ask(&run)
        let decision = decide(
            run.state, definition, .claimed, DecisionContext(now: run.now.advanced(byMilliseconds: 400), random: 0))
        #expect(decision.next.purpose == .probe)
        let look = try #require(decision.millisecondsToDeadline)
        #expect((590...600).contains(look))
        var held = try reaching(.held)
        try ask(&held)
        let parked = decide(held.state, definition, .claimed, DecisionContext(now: held.now, random: 0))
        #expect(parked.millisecondsToDeadline == tenMinutes)
    }

    @Test(arguments: [RunStatus.held, .failed, .succeeded])
    func `one that could not be sent for ten minutes is dropped, and the history says so`(_ status: RunStatus) throws {
        var run = try reaching(status)
        let before = run.state
        try ask(&run, "random")
        #expect(try run.claim(sends: false).purpose == .probe)
        try run.claim(after: tenMinutes)
        #expect(run.types == ["probe.dropped"] && !run.state.hasTask)
        #expect(lasting(run.state) == lasting(before))
    }

    @Test func `a probe whose worker was lost is closed as unknown and not sent again`() throws {
        var run = try reaching(.held)
        let before = run.state
        try ask(&run)
        try run.claim()
        #expect(try run.claim(after: 60_000) == .held)
        #expect(run.types == ["attempt.unknown"] && lasting(run.state) == lasting(before))
        #expect(run.state.unknown == before.unknown && run.state.unknown?.isFollowed == false)
    }

    @Test func `a person may decide while it is under way; its answer changes nothing of that`() throws {
        var run = try reaching(.held)
        try ask(&run)
        try run.claim()
        try run.take(try run.state.resolving(.done, reason: "it is there", definition))
        #expect(run.state.status == .live && run.state.openAttempt?.purpose == .probe)
        #expect(try run.finish(.notActive) == .ended)
        #expect(run.state.status == .succeeded && run.types == ["attempt.not_done", "run.succeeded"])
    }

    @Test func `a probe that cannot be sent leaves the run with what it does itself`() throws {
        var run = try waiting()
        try ask(&run)
        let context = DecisionContext(now: run.now, random: 0)
        let planned = decide(run.state, definition, .claimed, context)
        let dropped = planned.droppingProbe("its credential is gone", definition, context)
        #expect(dropped.events.map(\.type) == [.probeDropped] && dropped.state.probe == nil)
        #expect(dropped.next.waits ?? 0 > 990)
    }

    @Test func `a late answer of a lost call still settles it, though a probe was sent after the call`() throws {
        var run = try reaching(.held)
        let lost = try #require(run.state.unknown?.attemptId)
        try ask(&run)
        try run.claim()
        try run.finish(.notActive)
        try run.learn(["outcome": "done", "state": "pairing", "attempt": 1, "stay": 3], of: lost)
        #expect(run.state.status == .live && run.state.lateAnswerSettles)
    }

    @Test func `an unknown probe, one under way, a run without a key and no older key are refused in one line`() throws
    {
        let fresh = try TestRun(definition)
        for (state, name, code) in [
            (try waiting().state, "oldest", "no_probe"), (fresh.state, "same", "no_key"),
            (fresh.state, "random", "no_key"), (try waiting().state, "older", "no_older_key"),
        ] {
            let refusal = #expect(throws: OperatorActionRefusal.self) {
                try state.askingForProbe(name, reason: "why", definition)
            }
            #expect(refusal?.code == code && refusal?.message.contains("\n") == false)
        }
        var run = try waiting()
        try ask(&run)
        let asked = run.state
        let refusal = #expect(throws: OperatorActionRefusal.self) {
            try asked.askingForProbe("same", reason: "why", definition)
        }
        #expect(refusal?.code == "probing")
    }

    @Test func `without a wish no probe is started, and none is asked for twice`() throws {
        let run = try reaching(.failed)
        let id = run.id
        let next = RecordedEvent(
            seq: run.state.seq + 1, type: "attempt.started", body: ["purpose": "probe", "probe": "older"], epoch: 1,
            attemptId: Identifier(high: 9, low: 9), actor: "worker:1", recordedAt: run.now)
        #expect(throws: EvolveError.self) { try evolve(run.state, run: id, next) }
        var asked = try reaching(.failed)
        try ask(&asked)
        let own = RecordedEvent(
            seq: asked.state.seq + 1, type: "attempt.started", body: ["state": "failed"], epoch: 1,
            attemptId: Identifier(high: 9, low: 9), actor: "worker:1", recordedAt: run.now)
        #expect(throws: EvolveError.self, "the run itself has nothing to send") {
            try evolve(asked.state, run: id, own)
        }
    }
}
