import Testing
import WorkflowCore

@Suite("What may be there beside what a run goes on with")
struct EngineSurplusTests {
    private static let other = Identifier(high: 3, low: 4)

    /// What a worker that has lost the run writes: its create has made this.
    private static func late(_ session: String, _ more: JSONObject = [:]) -> JSONObject {
        var body: JSONObject = [
            "state": "requested", "attempt": 1, "outcome": "done", "stay": 1, "evidence": ["status": 201],
            "saved": ["session": .string(session)], "thing": ["service": "wpp", "identity": .string(session)],
        ]
        for (name, value) in more.members { body[name] = value }
        return body
    }

    private static func sent(_ definition: Definition) throws -> (TestRun, Identifier) {
        var run = try TestRun(definition, random: .max / 2)
        try run.claim()
        let attempt = try #require(run.state.openAttempt?.id)
        return (run, attempt)
    }

    private static func lost(_ definition: Definition) throws -> (TestRun, Identifier) {
        var (run, attempt) = try sent(definition)
        try run.finish(.unknown("timeout"), after: 30_000)
        return (run, attempt)
    }

    /// Look-ups find nothing, until the create is sent again.
    private static func resent() throws -> (TestRun, Identifier) {
        var (run, attempt) = try lost(asked())
        for _ in 0..<20 where run.state.openAttempt?.purpose != .call {
            let step = run.state.openAttempt == nil ? try run.claim(after: 60_000) : try run.finish(.foundNone)
            if step.purpose == .call { break }
        }
        #expect(run.state.openAttempt?.purpose == .call && run.state.unknown == nil)
        return (run, attempt)
    }

    private static func refusal(_ run: TestRun) throws -> String {
        let state = run.state
        let error = #expect(throws: OperatorActionRefusal.self) { try state.releasing(reason: "gone") }
        return try #require(error).description
    }

    @Test func `a late answer after success names another thing: it is listed, and a release says so first`() throws {
        var (run, attempt) = try Self.lost(asked(reconciles: false))
        try run.take(try run.state.resolving(.done, reason: "seen", run.definition, values: ["session": "s-2"]))
        try run.claim()
        #expect(try run.finish(.issued) == .ended)
        #expect(!run.state.mayBeLeft)
        try run.learn(Self.late("s-1"), of: attempt)
        #expect(run.state.status == .succeeded && run.state.mayBeLeft)
        let left = try run.leftBehind()
        #expect(left.map(\.reason) == [.lateAnswer] && left.first?.saved == ["session": "s-1"])
        #expect(left.first?.isCertain == true && left.first?.attemptId == attempt)
        #expect(try Self.refusal(run).contains("beside what it goes on with"))
        try run.take(try run.state.releasing(reason: "gone", leavesBehind: true))
        #expect(try run.claim().purpose == .undo)
        #expect(try run.finish(.takenBack) == .ended)
        #expect(run.state.status == .released && run.state.mayBeLeft)
        #expect(try run.leftBehind().map(\.reason) == [.lateAnswer])
    }

    @Test func `a thing that an event has named before is no second one, and neither is one that was there before`()
        throws
    {
        for more in [["known": true], ["made": false]] as [JSONObject] {
            var (run, attempt) = try Self.lost(asked(reconciles: false))
            try run.take(try run.state.resolving(.done, reason: "seen", run.definition, values: ["session": "s-1"]))
            try run.claim()
            try run.finish(.issued)
            try run.learn(Self.late("s-1", more), of: attempt)
            #expect(!run.state.mayBeLeft && !run.state.mayHaveCreated)
            #expect(try run.leftBehind() == [])
            try run.take(try run.state.releasing(reason: "gone"))
        }
    }

    @Test func `a lost create that a person has sent again stands there once, by the last word on its answer`() throws {
        var (run, attempt) = try Self.lost(asked(reconciles: false))
        try run.take(try run.state.resolving(.retryAnyway, reason: "none arrived", run.definition))
        try run.claim()
        try run.finish(.created)
        try run.finish(.issued)
        #expect(run.state.status == .succeeded && run.state.mayBeLeft)
        #expect(try run.leftBehind().map(\.reason) == [.sentAgain])
        try run.learn(Self.late("s-9"), of: attempt)
        let left = try run.leftBehind()
        #expect(left.map(\.reason) == [.lateAnswer] && left.first?.saved == ["session": "s-9"])
    }

    @Test(arguments: [("s-9", true), ("s-1", false)])
    func `sent again after a proof, the late answer is compared with what the second create made`(
        _ session: String, _ isSurplus: Bool
    ) throws {
        var (run, attempt) = try Self.resent()
        try run.learn(Self.late(session), of: attempt)
        #expect(!run.state.mayHaveSurplus)
        try run.finish(.created)
        try run.finish(.issued)
        #expect(run.state.status == .succeeded && run.state.mayBeLeft == isSurplus)
        #expect(try run.leftBehind().map(\.reason) == (isSurplus ? [.lateAnswer] : []))
    }

    @Test func `the second create is refused: what the late answer names is still listed, and the key stays`() throws {
        var (run, attempt) = try Self.resent()
        try run.learn(Self.late("s-9"), of: attempt)
        #expect(try run.leftBehind().map(\.reason).contains(.lateAnswer))
        try run.finish(.refusedForGood)
        #expect(run.state.status == .failed && run.state.mayBeLeft && run.state.ownsKey)
        #expect(try run.leftBehind().map(\.reason) == [.lateAnswer])
    }

    @Test func `a late answer of this stay that a person passes over is listed`() throws {
        var (run, attempt) = try Self.lost(asked(deadlineMilliseconds: 60_000))
        try run.claim(after: 40 * 86_400_000)
        #expect(run.state.hold?.error == "deadline")
        try run.learn(Self.late("s-9"), of: attempt)
        try run.take(try run.state.resolving(.done, reason: "by hand", run.definition, values: ["session": "s-2"]))
        #expect(run.state.mayHaveSurplus)
        #expect(try run.leftBehind().map(\.reason).contains(.lateAnswer))
    }

    @Test func `an answer that names what another run has: the answer came, and it is listed once`() throws {
        var (run, _) = try Self.sent(asked())
        try run.finish(AttemptResult.created.contradicted(by: Self.other))
        #expect(try run.leftBehind().map(\.reason) == [.thingOfAnotherRun])
        try run.cancel()
        try run.claim()
        #expect(run.state.status == .cancelled)
        #expect(try run.leftBehind().map(\.reason) == [.thingOfAnotherRun])
    }

    @Test func `a lost create whose find another run has is listed once`() throws {
        var (run, _) = try Self.lost(asked())
        try run.claim(after: 10_000)
        try run.finish(AttemptResult.foundOne.contradicted(by: Self.other))
        #expect(try run.leftBehind().map(\.reason) == [.answerLost])
        try run.cancel()
        try run.claim()
        #expect(try run.leftBehind().map(\.reason) == [.answerLost])
    }

    @Test func `what was only adopted is nobody's to leave, and what a lost request made beside it may be there`()
        throws
    {
        var (run, _) = try Self.sent(asked())
        let adopted = AttemptResult(outcome: .done, status: 200, saved: ["session": "s-1"], isMade: false)
        try run.finish(adopted)
        try run.finish(.issued)
        try run.take(try run.state.releasing(reason: "gone"))
        #expect(try run.claim() == .ended)
        #expect(run.state.status == .released && !run.state.mayBeLeft)

        var (doubtful, _) = try Self.lost(asked(condition: "item.name == input.number"))
        for _ in 0..<20 where doubtful.state.state == "requested" {
            if doubtful.state.openAttempt == nil {
                try doubtful.claim(after: 60_000)
            } else {
                try doubtful.finish(.foundOne)
            }
        }
        try doubtful.finish(.issued)
        #expect(doubtful.state.status == .succeeded && doubtful.state.isAdopted && doubtful.state.mayBeLeft)
        #expect(try doubtful.leftBehind().map(\.reason) == [.answerLost])
        #expect(try Self.refusal(doubtful).contains("beside what it goes on with"))
    }

    @Test func `a hold that was given up took nothing back, and does not say so`() throws {
        var (run, _) = try Self.lost(asked(reconciles: false))
        try run.take(try run.state.resolving(.abandon, reason: "not worth it", run.definition))
        #expect(try run.claim() == .ended)
        let state = run.state
        let error = #expect(throws: OperatorActionRefusal.self) { try state.retrying(reason: "again", asked()) }
        #expect(try #require(error).message.contains("nothing was taken back"))
    }

    @Test func `a late success names its thing, and the event of an undo what was taken back`() throws {
        var (run, _) = try Self.sent(asked())
        let attempt = try #require(run.state.openAttempt)
        let thing: JSONValue = ["service": "wpp", "identity": "s-1"]
        #expect(run.definition.lateThing(.created, of: attempt, in: run.state) == thing)
        #expect(run.definition.lateThing(.refusedForGood, of: attempt, in: run.state) == nil)
        let adopted = AttemptResult(outcome: .done, status: 200, saved: ["session": "s-1"], isMade: false)
        #expect(run.definition.lateThing(adopted, of: attempt, in: run.state) == nil)
        try run.finish(.created)
        try run.finish(.issued)
        try run.take(try run.state.releasing(reason: "gone"))
        try run.claim()
        try run.finish(.takenBack)
        #expect(run.events.last { $0.type == "attempt.done" }?.body["taken_back"] == thing)
    }

    @Test func `a late answer whose thing another run has holds the run, and arms nothing`() throws {
        var (run, attempt) = try Self.lost(asked(reconciles: false))
        try run.learn(Self.late("s-1", ["held_by": .string(Self.other.description)]), of: attempt)
        #expect(run.state.status == .live)
        #expect(try run.claim() == .held)
        let hold = try #require(run.state.hold)
        #expect(hold.code == "thing_of_another_run" && hold.text.contains("\(Self.other)"))
        #expect(hold.text.contains("it can be adopted") && hold.choices.contains("adopt"))
        #expect(run.state.undoList.isEmpty && run.state.data["session"] == nil)
        #expect(try run.leftBehind().map(\.reason) == [.thingOfAnotherRun])
    }
}
