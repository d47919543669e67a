import Testing
import WorkflowCore

@Suite("A run that succeeded lets its key go")
struct EngineReleaseTests {
    private func succeeded(_ definition: Definition) throws -> TestRun {
        var run = try TestRun(definition, random: .max / 2)
        try run.claim()
        try run.finish(.created)
        #expect(try run.finish(.issued) == .ended)
        return run
    }

    @Test func `what it made is taken back, and then it is released`() throws {
        var run = try succeeded(asked())
        try run.take(try run.state.releasing(reason: "the customer has left"))
        #expect(run.state.status == .live && run.state.ownsKey)
        #expect(try run.claim().purpose == .undo)
        #expect(try run.finish(.takenBack) == .ended)
        #expect(run.state.status == .released && !run.state.ownsKey && !run.state.mayBeLeft)
        #expect(run.types.last == "run.released")
    }

    @Test func `where something has no undo nothing is done, unless it is said to stay: then it is listed`() throws {
        var run = try succeeded(asked(undo: false))
        let state = run.state
        #expect(throws: OperatorActionRefusal.self) { try state.releasing(reason: "gone") }
        try run.take(try run.state.releasing(reason: "gone", leavesBehind: true))
        #expect(try run.claim() == .ended)
        #expect(run.state.status == .released && !run.state.ownsKey && run.state.mayBeLeft)
    }

    @Test func `what has an identity was made, however harmless its call is to repeat`() throws {
        let definition = Sample.definition(
            start: "making",
            [
                StateDefinition(
                    name: "making",
                    action: .call(
                        Sample.call("make", "/things", isRepeatable: true, save: [("session", "${response.body.id}")])),
                    exit: .next("active"), identity: .value(Sample.expression("data.session")))
            ])
        var run = try TestRun(definition, random: .max / 2)
        try run.claim()
        try run.finish(AttemptResult(outcome: .done, status: 201, saved: ["session": "s-1"]))
        let state = run.state
        #expect(state.status == .succeeded)
        #expect(throws: OperatorActionRefusal.self) { try state.releasing(reason: "gone") }
        try run.take(try run.state.releasing(reason: "gone", leavesBehind: true))
        #expect(try run.claim() == .ended)
        #expect(run.state.mayBeLeft)
    }

    @Test func `a release that cannot take back is held with its key; given up, it is released and listed`() throws {
        let definition = asked()
        var run = try succeeded(definition)
        try run.take(try run.state.releasing(reason: "gone"))
        try run.claim()
        #expect(try run.finish(.refusedForGood) == .held)
        #expect(run.state.hold?.code == "undo_failed" && run.state.ownsKey)
        try run.take(try run.state.resolving(.abandon, reason: "by hand", definition))
        #expect(try run.claim() == .ended)
        #expect(run.state.status == .released && run.state.mayBeLeft && !run.state.ownsKey)
    }

    @Test func `only a run that succeeded is released, and a released run takes no verb`() throws {
        var run = try TestRun(asked(), random: .max / 2)
        let fresh = run.state
        #expect(throws: OperatorActionRefusal.self) { try fresh.releasing(reason: "too early") }
        run = try succeeded(asked())
        try run.take(try run.state.releasing(reason: "gone"))
        let releasing = run.state
        #expect(throws: OperatorActionRefusal.self) { try releasing.releasing(reason: "again") }
        try run.claim()
        try run.finish(.takenBack)
        let released = run.state
        #expect(throws: OperatorActionRefusal.self) { try released.retrying(reason: "again", asked()) }
        #expect(throws: OperatorActionRefusal.self) { try released.cancelling(reason: "again") }
        #expect(throws: OperatorActionRefusal.self) { try released.releasing(reason: "again") }
        #expect(throws: OperatorActionRefusal.self) { try released.takenOver(by: run.id, reason: "again") }
    }

    @Test func `a redo that is cancelled takes back what there is, and no run follows; also once it is held`() throws {
        let definition = asked()
        var run = try succeeded(definition)
        try run.take(try run.state.releasing(reason: "anew", startsAgain: true))
        #expect(run.state.ending?.startsAgain == true)
        try run.claim()
        #expect(try run.finish(.refusedForGood) == .held)
        #expect(run.state.ending?.startsAgain == true)
        try run.take(try run.state.cancelling(reason: "not anew after all"))
        #expect(run.state.ending?.startsAgain == false && run.state.status == .live)
        #expect(try run.claim().purpose == .undo)
        #expect(try run.finish(.refusedForGood) == .held)
        let held = run.state
        #expect(throws: OperatorActionRefusal.self) { try held.cancelling(reason: "again") }
    }

    @Test func `what keeps the run from following is the reason that lists show`() throws {
        var run = try succeeded(asked())
        try run.take(try run.state.releasing(reason: "anew", startsAgain: true))
        try run.claim()
        try run.finish(.takenBack)
        let refused = RecordedEvent(
            seq: run.state.seq + 1, type: "redo.refused", body: ["reason": "input \"plan\" is missing"], epoch: 1,
            attemptId: nil, actor: "worker:1", recordedAt: run.now)
        #expect(try evolve(run.state, run: run.id, refused).reason == "no run follows it: input \"plan\" is missing")
    }

    @Test func `an older input is judged by the newest version before anything is taken back`() {
        let number = FieldDefinition(name: "number", kinds: [.string], pattern: #"^\+[0-9]+$"#)
        func newest(_ more: [FieldDefinition]) -> Definition {
            Sample.definition(start: "active", [], input: [number] + more)
        }
        let old: JSONObject = ["number": "+1"]
        #expect(newest([]).problem(withOlderInput: old).problem == nil)
        #expect(newest([]).problem(withOlderInput: old).key == "+1")
        let plan = FieldDefinition(name: "plan", kinds: [.string])
        #expect(newest([plan]).problem(withOlderInput: old).problem == "input \"plan\" is missing")
        let usual = FieldDefinition(name: "plan", kinds: [.string], defaultValue: "small")
        #expect(newest([usual]).problem(withOlderInput: old).problem == nil)
        #expect(newest([]).problem(withOlderInput: ["number": "1"]).problem != nil)
        #expect(newest([]).problem(withOlderInput: ["number": "+1", "gone": 1]).problem == "it has no input \"gone\"")
    }
}
