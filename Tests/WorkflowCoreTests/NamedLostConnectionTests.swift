import Testing
import WorkflowCore

@Suite("A lost connection with a name of its own")
struct NamedLostConnectionTests {
    private static let notYet = RetryEntry(errors: ["not_yet"], policy: Sample.activation)
    private static let transient = RetryEntry(errors: ["transient"], policy: Sample.outage)

    private func definition(
        isRepeatable: Bool = true, retry: [RetryEntry], catches: [CatchEntry] = [], undoRetry: [RetryEntry] = []
    ) -> Definition {
        let call = Sample.call("enter", "/enter", isRepeatable: isRepeatable)
        let plain = Sample.definition(
            start: "entering",
            [
                StateDefinition(
                    name: "entering", action: .call(call), retry: retry, catches: catches, exit: .next("active"),
                    undo: Sample.undo("leave", "/leave", retry: undoRetry))
            ])
        return Definition(
            workflow: plain.workflow, version: plain.version, key: plain.key, start: plain.start, input: plain.input,
            services: plain.services,
            errors: [
                ErrorRule(name: "not_yet", namesLostConnection: true),
                ErrorRule(name: "refused", statuses: [.exact(403)]),
            ], states: plain.states)
    }

    private func names(_ definition: Definition) throws -> [String] {
        var run = try TestRun(definition)
        guard case .call(let planned) = try run.claim() else { throw BrokenPromise("no call") }
        return definition.errors(of: planned).map(\.name)
    }

    @Test func `it counts where retry or catch uses it, and the call is harmless to repeat`() throws {
        let caught = CatchEntry(errors: ["not_yet"], target: .next("failed"))
        #expect(try names(definition(retry: [Self.notYet])) == ["not_yet", "refused"])
        #expect(try names(definition(retry: [], catches: [caught])) == ["not_yet", "refused"])
        #expect(try names(definition(retry: [Self.transient])) == ["refused"])
        #expect(try names(definition(isRepeatable: false, retry: [Self.notYet])) == ["refused"])
    }

    @Test func `what only the undo uses counts for the undo alone`() throws {
        let definition = definition(retry: [], undoRetry: [Self.notYet])
        var run = try TestRun(definition)
        try run.claim()
        try run.finish(AttemptResult(outcome: .done, status: 200))
        try run.take(try run.state.releasing(reason: "not needed"))
        guard case .call(let undo) = try run.claim() else { throw BrokenPromise("no undo") }
        #expect(undo.purpose == .undo && definition.errors(of: undo).map(\.name) == ["not_yet", "refused"])
        #expect(try names(definition) == ["refused"])
    }

    @Test func `it is retried by its own entry for the whole window, and then caught`() throws {
        let caught = CatchEntry(errors: ["not_yet"], target: .next("failed"))
        var run = try TestRun(definition(retry: [Self.notYet], catches: [caught]))
        try run.claim()
        var tries = 0
        while let wait = try run.finish(.unknown("not_yet")).waits, tries < 100 {
            tries += 1
            #expect(run.written.first?.body["retry"]?["policy"] == "activation")
            try run.claim(after: wait)
        }
        #expect((10...20).contains(tries), "\(tries)")
        #expect(run.state.status == .failed && run.state.gaveUp?.error == "not_yet")
    }
}
