import Testing
import WorkflowCore

@testable import WorkerMachines

/// What a run's machine answers to what came of its last action; no store, no platform, no clock.
@Suite struct RunMachineTests {
    @Test func `a run is admitted, its intent committed, its request sent, its outcome committed, and that is all`()
        throws
    {
        var run = try Run()
        #expect(try run.admitted() == "create")
        let intent = try run.commit(.admitted(attemptId: Run.attempt))
        #expect(intent.events.map(\.type) == [.attemptStarted] && intent.intent != nil && !intent.carriesOutcome)
        try run.send()
        let end = try run.commit(.answered(Run.done))
        #expect(end.events.last?.type == .runSucceeded && end.intent == nil && end.carriesOutcome)
        #expect(run.give(.accepted(at: Run.time)) == .stop(.done))
    }

    @Test func `without a permit nothing is sent: the run goes into the service's line without its intent`() throws {
        var run = try Run()
        _ = try run.admitted()
        _ = try run.commit(.admitted(attemptId: Run.attempt))
        let moved = try run.commit(.noPermit)
        #expect(moved.events.isEmpty && moved.intent == nil && moved.service == "s")
        #expect(run.give(.accepted(at: Run.time)) == .stop(.done))
    }

    @Test func `who is behind reads the newer events and decides again with the outcome in hand`() throws {
        var run = try Run()
        try run.untilSent()
        let first = try run.commit(.answered(Run.done))
        guard case .readTail(let seq) = run.handle(.behind) else { throw Unexpected("no tail") }
        #expect(seq == first.baseSeq)
        let cancel = run.recorded(NewEvent(.cancelRequested, ["reason": "a test"]), seq: seq + 1)
        let again = try run.commit(.tail([cancel]))
        #expect(again.baseSeq == seq + 1 && again.carriesOutcome)
        #expect(again.events.first?.type == .attemptDone)
    }

    @Test func `a stream with fewer events than were acknowledged is given back, and the outcome kept before`() throws {
        var run = try Run()
        try run.untilSent()
        _ = try run.commit(.answered(Run.done))
        _ = run.handle(.behind)
        let late = try run.evidence(.tail([]))
        #expect(late.attempt.id == Run.attempt && late.isWhole)
        guard case .stop(.giveBack(.broken(let why), nil)) = run.handle(.kept) else { throw Unexpected("no end") }
        #expect(why.contains("fewer events"))
    }

    @Test func `whose lease is somebody else's keeps what was learned as evidence and writes nothing more`() throws {
        var run = try Run()
        try run.untilSent()
        _ = try run.commit(.answered(Run.done))
        let late = try run.evidence(.fenced)
        #expect(late.value == Run.done)
        #expect(run.give(.kept) == .stop(.done))
        var early = try Run()
        _ = try early.admitted()
        _ = try early.commit(.admitted(attemptId: Run.attempt))
        #expect(early.give(.fenced) == .stop(.done), "an intent that was refused has taught nothing")
    }

    @Test func `an outcome that the store refuses is closed as unknown without its values, once, and sends nothing`()
        throws
    {
        var run = try Run()
        try run.untilSent()
        _ = try run.commit(.answered(Run.done))
        let stripped = try run.commit(.refused)
        #expect(stripped.carriesOutcome && stripped.intent == nil)
        #expect(stripped.events.first?.body["outcome"] != .string("done"))
        let late = try run.evidence(.refused)
        #expect(late.isWhole)
        let bare = try run.evidence(.refused)
        #expect(!bare.isWhole, "the secrets are kept without the values")
        guard case .stop(.giveBack(.broken, nil)) = run.handle(.kept) else { throw Unexpected("no end") }
    }

    @Test func `with an outcome in hand an outage is waited for, without one the run is given back at once`() throws {
        var run = try Run()
        try run.untilSent()
        _ = try run.commit(.answered(Run.done))
        guard case .readTail(let seq) = run.handle(.behind) else { throw Unexpected("no tail") }
        #expect(run.give(.failed(.outage(mayPass: true))) == .pause)
        guard case .readTail(seq) = run.handle(.pauseOver) else { throw Unexpected("not again") }
        _ = try run.evidence(.failed(.outage(mayPass: false)))
        #expect(run.give(.failed(.outage(mayPass: true))) == .pause)
        _ = try run.evidence(.pauseOver)
        guard case .stop(.giveBack(.outage, let lost)) = run.handle(.failed(.outage(mayPass: false))) else {
            throw Unexpected("no end")
        }
        #expect(lost?.id == Run.attempt, "it is said which answer is lost")

        var empty = try Run()
        _ = try empty.admitted()
        guard case .stop(.giveBack(.outage, nil)) = empty.handle(.failed(.outage(mayPass: true))) else {
            throw Unexpected("no end")
        }
    }

    @Test func `what is in hand is written although the next call cannot be looked up or must wait`() throws {
        for input in [RunMachine.Input.failed(.outage(mayPass: true)), .mustWait(milliseconds: 5, .noSecret)] {
            var run = try Run(calls: 2)
            try run.untilSent()
            guard case .admit = run.handle(.answered(Run.done)) else { throw Unexpected("no second call") }
            let plan = try run.commit(input)
            #expect(plan.carriesOutcome && plan.events.first?.type == .attemptDone && plan.intent == nil)
            if case .mustWait = input { #expect(plan.waitReason == .noSecret && plan.dueMilliseconds == 5) }
        }
    }

    @Test func `a request leaves only while the lease outlasts it, counted from before the statement that gave it`()
        throws
    {
        // 60 s, less 20 for the request and 1 for the commit after it.
        var run = try Run(timeout: "20s")
        try run.untilSent()
        guard case .no(let result) = run.machine.clearance(at: 39_000_000) else { throw Unexpected("it may leave") }
        #expect(result.error == "lease_too_short" && result.outcome == .notDone && !result.isCounted)
        guard case .go(nil) = run.machine.clearance(at: 38_999_000) else { throw Unexpected("it may not leave") }
        #expect(run.machine.renewal(at: 58_000_000) == .over, "a lease that outlasts its request is not renewed")
    }

    @Test
    func `a request that may outlast its lease leaves with half of it, before its end, and says until when it lasts`()
        throws
    {
        var run = try Run(timeout: "10m")
        _ = try run.admitted()
        let plan = try run.commit(.admitted(attemptId: Run.attempt))
        #expect(plan.events.last?.body["timeout_milliseconds"] == 600_000)
        #expect(plan.events.last?.body["ends_milliseconds"] == 630_000)
        try run.send()
        guard case .no = run.machine.clearance(at: 30_000_000) else { throw Unexpected("it may leave") }
        guard case .go(30_001) = run.machine.clearance(at: 29_999_000) else { throw Unexpected("it may not leave") }
    }

    @Test
    func `the lease of a request under way is renewed when a third has passed, and at last up to the request's end`()
        throws
    {
        var run = try Run(timeout: "100s")
        try run.leaves()
        #expect(run.machine.renewal(at: 0) == .wait(milliseconds: 20_000))
        #expect(run.machine.renewal(at: 20_000_000) == .ask(leaseMilliseconds: 60_000))
        run.machine.renewed(.renewed(leaseMilliseconds: 60_000), askedAt: 20_000_000, at: 25_000_000)
        #expect(run.machine.renewal(at: 25_000_000) == .wait(milliseconds: 15_000))
        // The request ends at 100 s, and 2 s are for the commit.
        guard case .ask(let rest) = run.machine.renewal(at: 45_000_000) else { throw Unexpected("not renewed") }
        #expect(rest == 57_000)
        run.machine.renewed(.renewed(leaseMilliseconds: rest), askedAt: 45_000_000, at: 46_000_000)
        #expect(run.machine.renewal(at: 46_000_000) == .over && run.machine.renewal(at: 100_000_000) == .over)
        #expect(run.machine.lease.leftMilliseconds(at: 100_000_000) == 2000)
    }

    @Test func `a renewal that the database does not answer is tried again until the lease may have ended`() throws {
        var run = try Run(timeout: "10m")
        try run.leaves()
        run.machine.renewed(.unknown, askedAt: 20_000_000, at: 30_000_000)
        #expect(run.machine.renewal(at: 30_000_000) == .wait(milliseconds: 1000))
        #expect(run.machine.renewal(at: 59_000_000) == .ask(leaseMilliseconds: 60_000))
        #expect(run.machine.renewal(at: 60_000_000) == .over)
    }

    @Test func `after a lease that may have ended the outcome is written, and nothing more is sent`() throws {
        var run = try Run(calls: 2, timeout: "10m")
        try run.leaves()
        run.clock = 60_000_000
        let plan = try run.commit(.answered(Run.done))
        #expect(plan.events.map(\.type) == [.attemptDone] && plan.intent == nil && plan.service == "s")
        _ = try run.evidence(.fenced)
    }

    @Test func `after a refused renewal the request goes on, and its answer is evidence`() throws {
        var run = try Run(timeout: "10m")
        try run.leaves()
        run.machine.renewed(.refused, askedAt: 20_000_000, at: 20_010_000)
        #expect(run.machine.renewal(at: 21_000_000) == .over)
        let late = try run.evidence(.answered(Run.done))
        #expect(late.value == Run.done && late.attempt.endsMilliseconds == 630_000)
        #expect(run.give(.kept) == .stop(.done))
    }

    @Test func `a commit renews the lease only when a part of it has passed, from when it was sent`() throws {
        var run = try Run()
        _ = try run.admitted()
        let early = try run.commit(.admitted(attemptId: Run.attempt))
        #expect(!early.renewsLease)
        var later = try Run()
        _ = try later.admitted()
        later.clock = 10_000_000
        let plan = try later.commit(.admitted(attemptId: Run.attempt))
        #expect(plan.renewsLease)
        later.clock = 15_000_000
        _ = later.handle(.accepted(at: Run.time))
        #expect(later.machine.lease.leftMilliseconds(at: 15_000_000) == 55_000)
    }

    private static func request(_ pin: String) -> FrozenRequest {
        FrozenRequest(attemptId: Run.attempt, digests: ["path": "1", "body.pin": .string(pin)])
    }

    @Test func `a keyed request is sent again only as it was; otherwise the run is held and nothing is sent`() throws {
        for (input, isHeld) in [
            (RunMachine.Input.admitted(attemptId: Run.second, request: Self.request("a")), false),
            (.admitted(attemptId: Run.second, request: Self.request("b")), true),
            // What could not be put together fails when it is sent, as it would have the first time.
            (.admitted(attemptId: Run.second), false), (.changed(["body.pin"]), true),
        ] {
            var run = try Run(isKeyed: true)
            _ = try run.admitted()
            let first = try run.commit(.admitted(attemptId: Run.attempt, request: Self.request("a")))
            #expect(first.events.last?.body["frozen"] != nil)
            try run.send()
            guard case .admit(let again) = run.handle(.answered(Run.late)) else { throw Unexpected("no resend") }
            #expect(again.frozen?.digests["body.pin"] == "a")
            let plan = try run.commit(input)
            #expect(plan.carriesOutcome && plan.events.first?.type == .attemptUnknown && plan.events.count == 2)
            if isHeld {
                #expect(plan.intent == nil && plan.events[1].type == .runHeld && plan.state.status == .held)
                #expect(plan.events[1].body["changed"] == ["body.pin"])
                #expect(run.give(.accepted(at: Run.time)) == .stop(.done))
            } else {
                #expect(plan.intent != nil && plan.events[1].type == .attemptStarted)
                #expect(plan.events[1].body["frozen"] == nil)
            }
        }
    }

    @Test func `an input that does not fit ends the work and is no reason to stop the process`() throws {
        var run = try Run()
        guard case .stop(.giveBack(.broken, nil)) = run.handle(.kept) else { throw Unexpected("it went on") }
    }
}

struct Unexpected: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// A claimed run, and shorter names for what its machine answers.
private struct Run {
    static let time = Instant(microseconds: 1_767_225_600_000_000)
    static let attempt = Identifier(high: 7, low: 7)
    static let second = Identifier(high: 7, low: 8)
    static let done = AttemptResult(outcome: .done, status: 200)
    /// With the smallest random number the retry is due at once.
    static let late = AttemptResult(outcome: .unknown, error: "timeout")

    /// Actions as far as they can be compared.
    enum Short: Equatable {
        case pause
        case stop(RunMachine.Ending)
        case other
    }

    var machine: RunMachine
    var clock: Int64 = 0

    let timeout: Int64

    init(calls: Int = 1, timeout: String = "30s", isKeyed: Bool = false) throws {
        let key = isKeyed ? #","repeatable":false,"idempotency":{"header":"Key","honoured":"1h"}"# : ""
        let second = calls == 2 ? #""second":{"call":{"request":"PUT s:/second"},"next":"active"},"# : ""
        let text = """
            {"dsl":1,"workflow":"w","version":1,"key":"${input.number}","start":"create",
             "input":{"number":{"type":"string"}},"services":{"s":{"timeout":"\(timeout)"}},
             "states":{"create":{"call":{"request":"PUT s:/first"\(key)},"next":"\(calls == 2 ? "second" : "active")"},
               \(second)"active":{"end":"succeeded"},"failed":{"end":"failed"}}}
            """
        let (definition, problems) = Definition.read(
            canonical: Definition.canonicalOrder(of: try JSONValue.parse(text)))
        guard let definition else { throw Unexpected("\(problems)") }
        self.timeout = definition.service("s")?.timeoutMilliseconds ?? 0
        let id = Identifier(high: 1, low: 1)
        let requested = RecordedEvent(
            seq: 1, type: EventType.runRequested.rawValue,
            body: [
                "workflow": "w", "version": 1, "definition": .string(String(repeating: "ab", count: 32)),
                "organisation": "o", "key": "1", "state": "create", "input": ["number": "1"],
            ], epoch: 0, attemptId: nil, actor: "person:test", recordedAt: Self.time)
        machine = RunMachine(
            state: try evolve(nil, run: id, requested), definition: definition, epoch: 1,
            lease: LeaseTimes(milliseconds: 60_000, startedAt: 0, claimedAt: Self.time, claimSeenAt: 0),
            actor: "worker:test")
    }

    mutating func handle(_ input: RunMachine.Input) -> RunMachine.Action {
        machine.handle(input, at: clock, random: 0)
    }

    mutating func give(_ input: RunMachine.Input) -> Short {
        switch handle(input) {
        case .pause: .pause
        case .stop(let ending): .stop(ending)
        default: .other
        }
    }

    mutating func admitted() throws -> String {
        guard case .admit(let planned) = handle(.claimed) else { throw Unexpected("nothing is called") }
        return planned.state
    }

    mutating func commit(_ input: RunMachine.Input) throws -> CommitPlan {
        let action = handle(input)
        guard case .commit(let plan) = action else { throw Unexpected("\(action)") }
        return plan
    }

    mutating func evidence(_ input: RunMachine.Input) throws -> LateOutcome {
        let action = handle(input)
        guard case .keepEvidence(let late) = action else { throw Unexpected("\(action)") }
        return late
    }

    /// The intent is committed: the request is to be sent.
    mutating func send() throws {
        guard case .send(_, Self.attempt, timeout) = handle(.accepted(at: Self.time)) else {
            throw Unexpected("nothing is sent")
        }
    }

    mutating func untilSent() throws {
        _ = try admitted()
        _ = try commit(.admitted(attemptId: Self.attempt))
        try send()
    }

    /// The request is under way, since 0 by the worker's clock.
    mutating func leaves() throws {
        try untilSent()
        guard case .go = machine.clearance(at: 0) else { throw Unexpected("it may not leave") }
    }

    func recorded(_ event: NewEvent, seq: Int64) -> RecordedEvent {
        RecordedEvent(
            seq: seq, type: event.type.rawValue, body: event.body, epoch: 1, attemptId: event.attemptId,
            actor: "person:test", recordedAt: Self.time)
    }
}
