import Testing
import WorkflowCore

@Suite("What another run has is never this run's")
struct EngineIdentityTests {
    private static let other = Identifier(high: 3, low: 4)

    private func sent(_ definition: Definition) throws -> TestRun {
        var run = try TestRun(definition, random: .max / 2)
        try run.claim()
        return run
    }

    private static func thing(_ run: TestRun) -> String? { run.written.compactMap(\.thing).first?.identity }

    @Test func `what the undo names is claimed with the answer, and with a find`() throws {
        var run = try sent(asked())
        try run.finish(.created)
        #expect(Self.thing(run) == "s-1")
        var found = try sent(asked())
        try found.finish(.unknown("timeout"), after: 30_000)
        try found.claim(after: 10_000)
        try found.finish(.foundOne)
        #expect(Self.thing(found) == "s-7")
    }

    @Test func `the definition can name it otherwise, or say that nothing is made`() throws {
        for (identity, name) in [
            (IdentityDefinition.value(Sample.expression("input.number")), "+34600111222"),
            (.value(Sample.expression("data.session + '@' + run.organisation")), "s-1@org"),
            (IdentityDefinition.none, nil), (.value(Sample.expression("data.absent")), nil),
        ] as [(IdentityDefinition, String?)] {
            var run = try sent(asked(identity: identity))
            try run.finish(.created)
            #expect(Self.thing(run) == name)
            // A name that is missing is said; one that is not meant to be there is not.
            let isMissed = name == nil && identity != IdentityDefinition.none
            #expect(run.events.contains { $0.body["nameless"] == true } == isMissed)
        }
        var nameless = try sent(asked(undoPath: "/clients/${run.id}"))
        try nameless.finish(.created)
        #expect(Self.thing(nameless) == nil)
    }

    @Test func `a create that is answered with what another run has is held with that run's id, and arms no undo`()
        throws
    {
        var run = try sent(asked())
        #expect(try run.finish(AttemptResult.created.contradicted(by: Self.other)) == .held)
        let hold = try #require(run.state.hold)
        #expect(hold.code == "thing_of_another_run" && hold.text.contains("\(Self.other)"))
        #expect(run.state.undoList.isEmpty && run.state.data["session"] == nil && run.state.ownsKey)
        #expect(Self.thing(run) == nil)
        // Something may have been made beside it, so a cancel keeps the key.
        try run.cancel()
        #expect(try run.claim() == .ended)
        #expect(run.state.status == .cancelled && run.state.mayBeLeft && run.state.ownsKey)
    }

    @Test func `after a cancel, what another run has is left alone, and the run ends`() throws {
        var run = try sent(asked())
        try run.cancel()
        #expect(try run.finish(AttemptResult.created.contradicted(by: Self.other)) == .ended)
        #expect(run.state.status == .cancelled && run.state.mayBeLeft)
        #expect(!run.types.contains("undo.started"))
    }

    @Test func `a find that another run has is held, and a cancel then deletes nothing by its name`() throws {
        var run = try sent(asked(identity: .value(Sample.expression("input.number")), undoPath: "/${input.number}"))
        try run.finish(.unknown("timeout"), after: 30_000)
        try run.claim(after: 10_000)
        #expect(try run.finish(AttemptResult.foundOne.contradicted(by: Self.other)) == .held)
        #expect(run.state.hold?.error == "thing_of_another_run" && run.state.unknown != nil)
        try run.cancel()
        #expect(try run.claim() == .ended)
        #expect(run.state.status == .cancelled && run.state.mayBeLeft)
        #expect(!run.events.contains { $0.type == "undo.started" })
    }

    @Test(arguments: [("/accounts/${input.number}", false), ("/clients/${run.id}", true)])
    func `what a lost create may have made is taken back only by a name that nobody else has`(
        _ path: String, _ isTakenBack: Bool
    ) throws {
        var run = try sent(asked(reconciles: false, undoPath: path))
        #expect(try run.finish(.unknown("timeout"), after: 30_000) == .held)
        try run.cancel()
        #expect(try run.claim().purpose == (isTakenBack ? .undo : nil))
        guard !isTakenBack else { return }
        #expect(run.types.contains("undo.skipped") && run.state.status == .cancelled)
        #expect(run.state.mayBeLeft && run.state.ownsKey)
    }

    @Test func `a person may share it: it stays the other run's, and is not taken back`() throws {
        let definition = asked(undoesAdopted: true)
        var run = try sent(definition)
        try run.finish(AttemptResult.created.contradicted(by: Self.other))
        let verb = try run.state.resolving(.adopt, reason: "one account for both", definition)
        #expect(verb.event.thing == nil && verb.event.body["made"] == false)
        try run.take(verb)
        #expect(run.state.isAdopted && run.state.data["session"] == "s-1" && run.state.undoList.isEmpty)
    }

    @Test func `what a person gives instead is claimed as well`() throws {
        let definition = asked()
        var run = try sent(definition)
        try run.finish(AttemptResult.created.contradicted(by: Self.other))
        let verb = try run.state.resolving(.done, reason: "made by hand", definition, values: ["session": "s-2"])
        #expect(verb.event.thing?.identity == "s-2")
    }

    @Test func `an empty whole list proves nothing while another run of the organisation has something there`() throws {
        var run = try sent(asked(filter: LookUpFilter.none, pages: LookUpPages(.whole)))
        try run.finish(.unknown("timeout"), after: 30_000)
        try run.claim(after: 10_000)
        let rest = try #require(try run.finish(.foundNone).waits)
        #expect(run.written.last?.emptyListOf == "wpp")
        try run.claim(after: rest)
        #expect(try run.finish(AttemptResult.foundNone.contradicted(by: Self.other)).waits != nil)
        #expect(run.state.unknown?.emptyLooks == 0)
        #expect(run.written.last?.body["inconclusive"]?.stringValue?.contains("\(Self.other)") == true)
    }
}
