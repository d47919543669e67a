import Testing
import WorkflowCore

extension NextStep {
    fileprivate var key: String? { if case .call(let planned) = self { planned.idempotencyKey } else { nil } }
}

@Suite("What becomes of a lost answer")
struct EngineLostAnswerTests {
    /// The answer to the first create is lost, and the time to look has come.
    private func lost(_ definition: Definition) throws -> TestRun {
        var run = try TestRun(definition, random: .max / 2)
        try run.claim()
        #expect(try run.finish(.unknown("timeout")).waits == 10_000)
        #expect(run.types == ["attempt.unknown"])
        #expect(try run.claim(after: 10_000).purpose == .lookup)
        #expect(run.written.last?.body["purpose"] == "lookup")
        return run
    }

    @Test func `what the look-up finds is adopted: the run goes on without a second create`() throws {
        var run = try lost(asked())
        #expect(try run.finish(.foundOne).calls == "token-pending")
        #expect(run.state.data["session"] == "s-7" && run.state.unknown == nil)
        try run.finish(.issued)
        #expect(run.state.status == .succeeded)
        let creates = run.events.filter { $0.type == "attempt.started" && $0.body["call"] == "create" }
        #expect(creates.count == 1)
    }

    @Test func `what the look-up finds is replaced: taken back, then made anew under a new idempotency value`() throws {
        var run = try TestRun(asked(one: .replace, idempotency: IdempotencyDefinition(header: "Key")), random: .max / 2)
        let first = try run.claim().key
        try run.finish(.unknown("timeout"))
        try run.claim(after: 10_000)
        let step = try run.finish(.foundOne)
        #expect(step.purpose == .replace && step.calls == "requested")
        let delay = try #require(try run.finish(AttemptResult(outcome: .done, status: 204)).waits)
        let again = try run.claim(after: delay)
        #expect(again.purpose == .call && again.calls == "requested")
        #expect(first != nil && again.key != nil && again.key != first)
        #expect(run.state.undoList.count == 1)
    }

    @Test
    func `nothing is found: the create is sent again under the same idempotency value, as often as a policy allows`()
        throws
    {
        var run = try TestRun(asked(idempotency: IdempotencyDefinition(header: "Key")), random: .max / 2)
        let first = try run.claim().key
        for round in 1...6 {
            try run.finish(.unknown("timeout"))
            try run.claim(after: 10_000)
            let next = try run.findNothing()
            if round == 6 {
                #expect(next == .ended)
            } else {
                #expect(try run.claim(after: next.waits ?? 0).key == first)
            }
        }
        // All is known to be undone, so the key is free.
        #expect(run.state.status == .failed && !run.state.ownsKey)
    }

    @Test func `several finds, or none where that must be held, wait for a person with what was found`() throws {
        var run = try lost(asked())
        let several = AttemptResult(
            outcome: .done, status: 200, found: 2, candidates: [["session": "s-1"], ["session": "s-2"]])
        #expect(try run.finish(several) == .held)
        let hold = try #require(run.state.hold)
        #expect(hold.code == "unknown_outcome" && hold.candidates.count == 2)
        #expect(hold.choices == ["adopt", "done", "retry", "retry_anyway", "abandon"])
        try run.take(try run.state.resolving(.adopt, reason: "seen", asked(), candidate: 2))
        #expect(run.state.state == "token-pending" && run.state.data["session"] == "s-2")

        var none = try lost(asked(none: .hold))
        #expect(try none.findNothing() == .held)
        #expect(none.state.ownsKey)

        var one = try lost(asked(one: .hold))
        #expect(try one.finish(.foundOne) == .held)
        #expect(one.state.data["session"] == nil && one.state.hold?.candidates.first?["session"] == "s-7")
    }

    @Test
    func
        `a look-up that fails is tried again as long as the definition looks; then it waits for a person, never for a second create`()
        throws
    {
        let definition = asked(withinMilliseconds: 120_000)
        var run = try lost(definition)
        let lost = run.now
        var wait = try #require(try run.finish(.refused).waits)
        var looks = 0
        while true {
            #expect(try run.claim(after: wait).purpose == .lookup)
            guard let next = try run.finish(.unknown("timeout")).waits else { break }
            wait = next
            looks += 1
        }
        #expect(run.state.status == .held && looks > 3)
        #expect((60_000...180_000).contains(run.now.milliseconds(since: lost)))
        #expect(run.state.reason?.contains("could not be looked up") == true)
        // A person has it looked up again.
        try run.take(try run.state.resolving(.retry, reason: "it is back", definition))
        #expect(try run.claim().purpose == .lookup)
    }

    @Test func `the state's own entries govern its look-ups too, each with a count of its own`() throws {
        let brief = RetryPolicy(name: "brief", delayMilliseconds: 700, backoff: 1, jitter: .none, maximumAttempts: 2)
        var run = try lost(asked(retry: [RetryEntry(errors: ["http.401"], policy: brief)]))
        let stale = AttemptResult(outcome: .notDone, error: "http.401", status: 401)
        #expect(try run.finish(stale).waits == 700)
        try run.claim(after: 700)
        #expect(try run.finish(stale) == .held)
    }

    @Test func `409 after an unknown outcome is looked up; without an unknown before it is a refusal`() throws {
        let conflict = AttemptResult(outcome: .notDone, error: "http.409", status: 409)
        var run = try lost(asked())
        let wait = try #require(try run.findNothing().waits)
        #expect(try run.claim(after: wait).purpose == .call)
        #expect(try run.finish(conflict).waits == 10_000)
        #expect(try run.claim(after: 10_000).purpose == .lookup)
        #expect(try run.finish(.foundOne).calls == "token-pending")

        var fresh = try TestRun(asked(), random: .max / 2)
        try fresh.claim()
        #expect(try fresh.finish(conflict) == .ended)
        #expect(fresh.state.status == .failed && !fresh.state.ownsKey)
    }

    @Test
    func `while the idempotency value is honoured the create is sent again; after that it is looked up or held`() throws
    {
        let key = IdempotencyDefinition(header: "Key", honouredMilliseconds: 60_000)
        var run = try TestRun(asked(idempotency: key, reconciles: false), random: .max / 2)
        let first = try run.claim().key
        let wait = try #require(try run.finish(.unknown("timeout")).waits)
        #expect(try run.claim(after: wait).key == first)
        #expect(run.state.unknown != nil)
        // A worker asks again just before it sends, for it may have waited for a place.
        let call = try #require(asked(idempotency: key).states.first { $0.name == "requested" }?.action)
        guard case .call(let create) = call else { return }
        func mayStillSend(after milliseconds: Int64) -> Bool {
            run.state.mayStillSend(
                create, timeoutMilliseconds: 30_000, now: run.now.advanced(byMilliseconds: milliseconds))
        }
        #expect(mayStillSend(after: 0) && !mayStillSend(after: 24_000))
        // Nobody took it up in time.
        let second = try #require(try run.finish(.unknown("timeout")).waits)
        #expect(try run.claim(after: second + 24_000) == .held)
        #expect(run.state.hold?.code == "unknown_outcome" && run.state.ownsKey)

        var looked = try TestRun(asked(idempotency: key), random: .max / 2)
        try looked.claim()
        let pause = try #require(try looked.finish(.unknown("timeout")).waits)
        #expect(try looked.claim(after: pause + 24_000).waits == 10_000)
        #expect(looked.types.first == "reconcile.started")
        #expect(try looked.claim(after: 10_000).purpose == .lookup)
    }

    @Test func `a resend ends, with its whole time-out, before a tenth of the value's time: by the last moment for it`()
        throws
    {
        var run = try TestRun(
            asked(idempotency: IdempotencyDefinition(header: "Key", honouredMilliseconds: 60_000)), random: .max / 2)
        try run.claim()
        let sentAt = run.now
        try #require(try run.finish(.unknown("http.500", status: 500)).waits != nil)
        guard
            case .call(let create)? = asked(
                idempotency: IdempotencyDefinition(header: "Key", honouredMilliseconds: 60_000)
            ).state("requested")?.action
        else { return }
        func left(_ age: Int64, timeout: Int64) -> Int64? {
            run.state.millisecondsToResend(
                create, timeoutMilliseconds: timeout, now: sentAt.advanced(byMilliseconds: age))
        }
        // 60 s, without 6 s that are kept back and the 30 s that the request itself may take.
        #expect(left(23_999, timeout: 30_000) == 1 && left(24_000, timeout: 30_000) == 0)
        #expect(left(48_999, timeout: 5000) == 1 && left(49_000, timeout: 5000) == 0)
        #expect(left(0, timeout: 54_000) == 0)
    }

    @Test
    func `neither a person's retry nor a cancel makes a look-up come before the platform shows what it made`() throws {
        let definition = asked(idempotency: IdempotencyDefinition(header: "Key", honouredMilliseconds: 60_000))
        var resent = try TestRun(definition, random: .max / 2)
        try resent.claim()
        #expect(try resent.finish(.unknown("timeout")).waits != nil)
        try resent.cancel()
        #expect(try resent.claim().waits == 10_000)
        #expect(try resent.claim(after: 10_000).purpose == .lookup)

        var run = try TestRun(asked(), random: .max / 2)
        try run.claim()
        #expect(try run.finish(.unknown("timeout")).waits == 10_000)
        try run.take(try run.state.retrying(reason: "now, please", definition), after: 2000)
        #expect(try #require(run.claim().waits) > 7000)
        #expect(try run.claim(after: 8000).purpose == .lookup)

        let short = asked(deadlineMilliseconds: 4000)
        var held = try TestRun(short)
        try held.claim()
        #expect((3900...4000).contains(try held.finish(.unknown("timeout")).waits ?? 0))
        #expect(try held.claim(after: 4000) == .held)
        try held.take(try held.state.resolving(.retry, reason: "look again", short), after: 1000)
        // Its time is counted anew, and the rest of the time to settle is kept.
        let rest = try #require(try held.claim().waits)
        #expect((3000...4000).contains(rest))
        #expect(try #require(held.claim(after: 2000).waits) > 0)
    }

    @Test func `a refusal of a resend settles nothing: the first create may have worked all the same`() throws {
        let key = IdempotencyDefinition(header: "Key", honouredMilliseconds: 600_000)
        var run = try TestRun(asked(idempotency: key, reconciles: false), random: .max / 2)
        try run.claim()
        let wait = try #require(try run.finish(.unknown("timeout")).waits)
        try run.claim(after: wait)
        #expect(try run.finish(.refusedForGood) == .held)
        #expect(run.state.ownsKey)
    }

    @Test func `a cancel in the middle waits for what became of the request, and what is found is taken back`() throws {
        var run = try lost(asked())
        try run.cancel()
        #expect(try run.finish(.foundOne).purpose == .undo)
        #expect(run.types.contains("undo.started"))
        try run.finish(AttemptResult(outcome: .done, status: 204))
        #expect(run.state.status == .cancelled && !run.state.ownsKey)

        var none = try lost(asked())
        try none.cancel()
        #expect(try none.findNothing() == .ended)
        #expect(none.state.status == .cancelled && !none.state.ownsKey)
    }

    @Test(arguments: [false, true], [false, true])
    func `where nothing found is for a person, a cancel does not decide it: the run is held and keeps its key`(
        cancelsEarly: Bool, undoes: Bool
    ) throws {
        let definition = asked(none: .hold, undo: undoes)
        var run = try TestRun(definition, random: .max / 2)
        try run.claim()
        if cancelsEarly { try run.cancel() }
        #expect(try run.finish(.unknown("timeout")).waits == 10_000)
        if !cancelsEarly { try run.cancel() }
        #expect(try run.claim(after: 10_000).purpose == .lookup)
        #expect(try run.findNothing() == .held)
        #expect(run.state.ownsKey && run.state.unknown != nil)
        #expect(run.state.hold?.error == "none_found")

        // Further looks do not change what the definition leaves to a person.
        try run.take(try run.state.resolving(.retry, reason: "look again", definition))
        #expect(try run.claim().purpose == .lookup)
        #expect(try run.findNothing() == .held)
        #expect(run.state.ownsKey)

        // Whoever cancels it as it is held has seen that; the key stays, because something may be there.
        try run.take(try run.state.cancelling(reason: "enough"))
        #expect(try run.claim() == .ended)
        #expect(run.state.status == .cancelled && run.state.ownsKey)
    }

    @Test
    func `what has worked is never sent again by a person's retry: not when the way on is unclear, nor after the end`()
        throws
    {
        let definition = Sample.definition(
            start: "one",
            [
                StateDefinition(
                    name: "one", action: .call(Sample.call("make", "/one", isRepeatable: false)),
                    exit: .choose([.init(condition: Sample.expression("data.session == 'x'"), next: "active")]))
            ])
        var run = try TestRun(definition)
        try run.claim()
        #expect(try run.finish(AttemptResult(outcome: .done, status: 201)) == .held)
        #expect(run.state.hold?.choices == ["done", "abandon"])
        #expect(throws: OperatorActionRefusal.self) { try run.state.retrying(reason: "again", definition) }
        try run.take(
            try run.state.resolving(.done, reason: "it is x", definition, values: ["session": "x"]))
        #expect(try run.claim() == .ended)
        #expect(run.state.status == .succeeded)
    }

    @Test
    func `done by a person after a deadline gives the run its time anew, instead of taking back what was confirmed`()
        throws
    {
        let definition = asked(reconciles: false, deadlineMilliseconds: 15_000)
        var run = try TestRun(definition, random: .max / 2)
        try run.claim()
        #expect(try run.finish(.unknown("timeout")) == .held)
        try run.take(
            try run.state.resolving(.done, reason: "it is there", definition, values: ["session": "s-3"]), after: 60_000
        )
        #expect(try run.claim().calls == "token-pending")
    }

    @Test
    func `a deadline that passes before the outcome is known does not make it a failure: it waits for a person`() throws
    {
        var run = try TestRun(asked(deadlineMilliseconds: 15_000), random: .max / 2)
        try run.claim()
        try run.finish(.unknown("timeout"))
        try run.claim(after: 10_000)
        let wait = try #require(try run.finish(.refused).waits)
        #expect(wait <= 5000)
        #expect(try run.claim(after: 6000) == .held)
        #expect(run.state.hold?.text.contains("deadline of 15s") == true)
    }

    @Test func `held while the value is honoured, it may be tried again with the same value; after that not`() throws {
        let key = IdempotencyDefinition(header: "Key", honouredMilliseconds: 600_000)
        let definition = asked(idempotency: key, reconciles: false)
        var run = try TestRun(definition, random: .max / 2)
        let first = try #require(try run.claim().key)
        #expect(try run.finish(.unknown("http.503", status: 503)).waits != nil)
        try run.claim(after: 60_000)
        #expect(try run.finish(.unknown("http.500", status: 500)) == .held)
        #expect(run.state.hold?.text.contains("http.503, at last http.500") == true)
        #expect(run.state.hold?.choices.contains("retry") == true)
        try run.take(try run.state.resolving(.retry, reason: "the platform is well", definition))
        #expect(try run.claim().key == first)
        #expect(try run.finish(.unknown("http.500", status: 500), after: 590_000) == .held)
        #expect(run.state.hold?.choices.contains("retry") == false)
    }
}
