import EventStore
import Foundation
import PlatformSimulator
import Testing
import WorkflowCore

/// Undoing is seen to be done: what a platform says of a deletion is not believed where it can be asked.
@Suite(.timeLimit(.minutes(15))) struct GoneTests {
    private static let delete = RequestMatch(method: "DELETE", path: "/clients/*")
    /// The state after the create fails, so that the create is taken back.
    private static let refused = FaultRule(
        name: "look-400", match: RequestMatch(method: "GET", path: "/clients/*"), effect: .status(400))

    /// Looked up by the list; tried again three times.
    private static let gone = """
        undo:
              call: delete_client
              retry: [{error: [not_gone, still_provisioning, http.401], policy: brief}]
              gone:
                call: list_clients
                items: response.body
                where: item.id == data.client_id
                pages: whole
                after: 300ms
                effect_within: 300ms
                looks: {times: 2, every: 300ms}
        """

    private static func seen(_ definition: String, _ changes: [(String, String)] = []) -> String {
        var text = definition
        let whole =
            [
                ("undo: {call: delete_client, gone: not_checkable}", gone),
                (
                    "calls:\n",
                    "errors:\n  still_provisioning: {status: 409, when: \"response.body.error == 'still provisioning'\"}\n"
                        + "retries:\n  brief: {delay: 200ms, backoff: 1, jitter: none, max_attempts: 4}\ncalls:\n"
                ),
            ] + changes
        for (old, new) in whole {
            precondition(text.contains(old), "the definition has no \(old)")
            text = text.replacingOccurrences(of: old, with: new)
        }
        return text
    }

    private func show(_ run: Identifier, _ installation: Installation) async throws -> String {
        try await installation.command("show", run.description)
    }

    @Test func `a delete that works is looked up, and the run says that the thing is seen to be gone`() async throws {
        try await Installation.withRegister(Self.seen(RegistryDefinitions.adopting)) { installation in
            _ = installation.simulator.addFaults([Self.refused])
            let run = try await installation.enqueue("+1", workflow: "registered-number")
            try await installation.reaches(.failed, run)
            #expect(try await installation.purposes(run) == ["call", "call", "undo", "gone", "gone"])
            #expect(installation.simulator.clients().map { $0.deletedAtMilliseconds != nil } == [true])
            let text = try await show(run, installation)
            #expect(text.contains("taken back and seen to be gone: what POST wpp:/clients"), "\(text)")
            let history = try await installation.command("history", run.description)
            #expect(history.contains("seen to be gone") && history.contains("looking whether it is gone"), "\(history)")
            let again = try await installation.enqueue("+1", workflow: "registered-number")
            #expect(again != run, "the key is not free")
        }
    }

    @Test func `where the platform cannot be asked, its word counts, and the run says so`() async throws {
        try await Installation.withRegister(RegistryDefinitions.adopting) { installation in
            _ = installation.simulator.addFaults([Self.refused])
            let run = try await installation.enqueue("+1", workflow: "registered-number")
            try await installation.reaches(.failed, run)
            let text = try await show(run, installation)
            #expect(text.contains("taken back on the platform's word: what POST wpp:/clients"), "\(text)")
        }
    }

    @Test func `a delete that answers 204 and deletes nothing: tried again, then held, and the key stays`() async throws
    {
        try await Installation.withRegister(Self.seen(RegistryDefinitions.adopting)) {
            $0.keepsDeleted = true
        } _: { installation in
            _ = installation.simulator.addFaults([Self.refused])
            let run = try await installation.enqueue("+1", workflow: "registered-number")
            let held = try await installation.reaches(.held, run)
            #expect(
                held.mayBeLeft && held.reason?.contains("still there after its undo") == true, "\(held.reason ?? "")")
            let deletes = installation.simulator.ledger().filter { $0.method == "DELETE" }
            #expect(deletes.count == 4 && deletes.allSatisfy { $0.status == 204 })
            #expect(installation.simulator.clients().map { $0.deletedAtMilliseconds != nil } == [false])
            let text = try await show(run, installation)
            #expect(text.contains("its undo was sent, and it is not seen to be gone"), "\(text)")
            let history = try await installation.command("history", run.description)
            #expect(history.contains("not gone"), "\(history)")
            let again = try await installation.enqueue("+1", workflow: "registered-number")
            #expect(again == run, "the key is free")
        }
    }

    @Test func `a delete that is refused as too early twice is waited for, where the undo names the refusal`()
        async throws
    {
        try await Installation.withRegister(Self.seen(RegistryDefinitions.adopting)) { installation in
            _ = installation.simulator.addFaults([
                Self.refused,
                FaultRule(
                    name: "provisioning", match: Self.delete, trigger: .untilCount(2),
                    effect: .status(409, body: #"{"error":"still provisioning"}"#)),
            ])
            let run = try await installation.enqueue("+1", workflow: "registered-number")
            try await installation.reaches(.failed, run)
            let deletes = installation.simulator.ledger().filter { $0.method == "DELETE" }.map(\.status)
            #expect(deletes == [409, 409, 204])
            #expect(installation.simulator.clients().map { $0.deletedAtMilliseconds != nil } == [true])
        }
    }

    @Test func `a 404 at once, though the name stays taken, is not believed`() async throws {
        try await Installation.withRegister(Self.seen(RegistryDefinitions.adopting)) { installation in
            _ = installation.simulator.addFaults([
                Self.refused,
                FaultRule(name: "not-found", match: Self.delete, trigger: .untilCount(2), effect: .status(404)),
            ])
            let run = try await installation.enqueue("+1", workflow: "registered-number")
            try await installation.reaches(.failed, run)
            let deletes = installation.simulator.ledger().filter { $0.method == "DELETE" }.map(\.status)
            #expect(deletes == [404, 404, 204])
            #expect(installation.simulator.clients().map { $0.deletedAtMilliseconds != nil } == [true])
        }
    }

    @Test func `a 404 that the undo does not list as success holds the run`() async throws {
        let definition = Self.seen(RegistryDefinitions.adopting, [("ok: [2xx, 404]", "ok: 2xx")])
        try await Installation.withRegister(definition) { installation in
            _ = installation.simulator.addFaults([
                Self.refused, FaultRule(name: "not-found", match: Self.delete, effect: .status(404)),
            ])
            let run = try await installation.enqueue("+1", workflow: "registered-number")
            let held = try await installation.reaches(.held, run)
            #expect(held.reason?.contains("http.404") == true && held.mayBeLeft, "\(held.reason ?? "")")
        }
    }

    @Test(arguments: [Effect.Moment.before, .after])
    func `an undo that loses its answer is looked up, and sent again only if it did nothing`(_ moment: Effect.Moment)
        async throws
    {
        try await Installation.withRegister(Self.seen(RegistryDefinitions.adopting)) { installation in
            _ = installation.simulator.addFaults([
                Self.refused,
                FaultRule(name: "delete-lost", match: Self.delete, trigger: .nth(1), effect: .close(moment)),
            ])
            let run = try await installation.enqueue("+1", workflow: "registered-number")
            try await installation.reaches(.failed, run)
            let undos = try await installation.purposes(run).filter { $0 == "undo" }
            #expect(undos.count == (moment == .before ? 2 : 1))
            #expect(try await installation.events(run, .attemptUnknown).count == 1)
            #expect(installation.simulator.clients().map { $0.deletedAtMilliseconds != nil } == [true])
        }
    }

    /// The token of the run is dead by the time that it fails.
    private static func tokenDeletes(before: String) -> String {
        seen(
            RegistryDefinitions.adopting,
            [
                ("data: {client_id: {type: string}}", dataWithToken),
                (
                    "save: {client_id: '${response.body.id}'}",
                    "save: {client_id: '${response.body.id}', api_key: '${response.body.apiKey}'}"
                ),
                ("  delete_client:", "  issue_token: \(issue)\n  delete_client:"),
                ("DELETE wpp:/clients/${data.client_id}\n    auth: {bearer: '${secrets.wpp_master}'}", deletion),
                ("one: adopt", "one: hold"), ("    next: looking\n", "    next: token-pending\n"),
                (
                    "  looking:\n",
                    "  token-pending: {call: issue_token, next: nap}\n  nap: {pause: 2s, next: looking}\n  looking:\n"
                ),
                ("      call: delete_client\n", "      call: delete_client\n\(before)"),
            ])
    }

    private static let dataWithToken =
        "data: {client_id: {type: string}, api_key: {type: string, secret: true}, token: {type: string, secret: true}}"
    private static let issue =
        "{request: POST wpp:/auth/token, body: {apiKey: '${data.api_key}'}, repeatable: true, "
        + "save: {token: '${response.body.token}'}}"
    private static let deletion = "DELETE wpp:/clients/${data.client_id}\n    auth: {bearer: '${data.token}'}"

    @Test func `a token that has died by the time of the undo is got anew before each try of it`() async throws {
        let definition = Self.tokenDeletes(before: "      before: [issue_token]\n")
        try await Installation.withRegister(definition, tokenLifetimeSeconds: 1) {
            $0.deletesWithToken = true
        } _: { installation in
            _ = installation.simulator.addFaults([
                Self.refused,
                FaultRule(name: "dead-again", match: Self.delete, trigger: .nth(1), effect: .status(401)),
            ])
            let run = try await installation.enqueue("+1", workflow: "registered-number")
            let failed = try await installation.reaches(.failed, run)
            let requests = installation.simulator.ledger().filter { $0.method == "DELETE" || $0.path == "/auth/token" }
            #expect(requests.map(\.status) == [200, 200, 401, 200, 204])
            #expect(installation.simulator.clients().map { $0.deletedAtMilliseconds != nil } == [true])
            #expect(!failed.mayBeLeft)
            let purposes = try await installation.purposes(run).filter { $0 != "call" }
            #expect(purposes == ["before_undo", "undo", "before_undo", "undo", "gone", "gone"])
        }
    }

    @Test func `what is replaced is made anew only once what was found is seen to be gone`() async throws {
        let definition = RegistryDefinitions.replacing
            .replacingOccurrences(
                of: "retries:\n", with: "retries:\n  brief: {delay: 200ms, backoff: 1, jitter: none, max_attempts: 4}\n"
            )
            .replacingOccurrences(
                of: "errors:\n", with: "errors:\n  still_provisioning: {status: 409}\n"
            )
            .replacingOccurrences(of: "undo: {call: delete_client, gone: not_checkable}", with: Self.gone)
        try await Installation.withRegister(definition) { installation in
            _ = installation.simulator.addFaults([
                .lostCreate,
                FaultRule(name: "not-found", match: Self.delete, trigger: .nth(1), effect: .status(404)),
            ])
            let run = try await installation.enqueue("+1", workflow: "registered-number")
            try await installation.reaches(.succeeded, run)
            let clients = installation.simulator.clients()
            #expect(clients.map { $0.deletedAtMilliseconds != nil } == [true, false])
            let deletes = installation.simulator.ledger().filter { $0.method == "DELETE" }.map(\.status)
            #expect(deletes == [404, 204])
            let purposes = try await installation.purposes(run)
            #expect(purposes.prefix(7) == ["call", "lookup", "replace", "gone", "replace", "gone", "gone"])
        }
    }
}
