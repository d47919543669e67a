import EventStore
import Foundation
import PlatformSimulator
import Testing
import WorkflowCore

/// Lists that are late, paged, unfiltered or full of others: none of them may lead to a second client, or to the deletion
/// of somebody else's.
@Suite(.timeLimit(.minutes(15))) struct LyingPlatformTests {
    /// `adopting` with other ways to look.
    private static func adopting(_ changes: [(String, String)]) -> String {
        var text = RegistryDefinitions.adopting
        for (old, new) in changes {
            precondition(text.contains(old), "the definition has no \(old)")
            text = text.replacingOccurrences(of: old, with: new)
        }
        return text
    }

    private static let looks = "looks: {times: 2, every: 500ms}"

    /// The create never arrives.
    private static let notArrived = FaultRule(
        name: "create-503", match: .register, trigger: .nth(1), effect: .status(503))

    @Test
    func `a list that shows nothing for seconds after the create: looked at again until it does, and never resent`()
        async throws
    {
        let definition = Self.adopting([("after: 2s", "after: 500ms"), ("effect_within: 2s", "effect_within: 4s")])
        try await Installation.withRegister(definition) {
            $0.listLagMilliseconds = 4000
        } _: { installation in
            _ = installation.simulator.addFaults([.lostCreate])
            let run = try await installation.enqueue("+1", workflow: "registered-number")
            try await installation.reaches(.succeeded, run)
            #expect(installation.simulator.clients().count == 1)
            #expect(installation.requests(.register).count == 1)
            let empty = try await installation.events(run, .attemptDone).filter { $0.body["found"] == 0 }
            #expect(!empty.isEmpty, "the first look-up came too late to find nothing")
        }
    }

    @Test func `a cancel right after a lost create waits for the proof: what the list shows late is taken back`()
        async throws
    {
        let definition = Self.adopting([("after: 2s", "after: 500ms"), ("effect_within: 2s", "effect_within: 4s")])
        try await Installation.withRegister(definition) {
            $0.listLagMilliseconds = 4000
        } _: { installation in
            _ = installation.simulator.addFaults([.lostCreate])
            let run = try await installation.enqueue("+1", workflow: "registered-number")
            #expect(await installation.simulator.wait(for: .register, phase: .ended), "nothing was created")
            try await installation.cancel(run, reason: "wrong number")
            try await installation.reaches(.cancelled, run)
            let clients = installation.simulator.clients()
            #expect(clients.count == 1 && clients.allSatisfy { $0.deletedAtMilliseconds != nil })
            #expect(try await installation.command("runs", "--left-behind").contains("+1") == false)
        }
    }

    @Test func `a client on a later page is found there, by the list's links`() async throws {
        let definition = Self.adopting([(Self.looks, "\(Self.looks)\n      pages: link\n      filter: none")])
        try await Installation.withRegister(definition) {
            $0.listFilter = .ignored
            $0.pageSize = 2
        } _: { installation in
            for number in 1...3 {
                installation.simulator.addClient(externalId: "other-\(number)", organisation: "other")
            }
            _ = installation.simulator.addFaults([.lostCreate])
            let run = try await installation.enqueue("+1", workflow: "registered-number")
            try await installation.reaches(.succeeded, run)
            #expect(installation.requests(.register).count == 1)
            #expect(try await installation.purposes(run) == ["call", "lookup", "lookup", "call"])
            let pages = try await installation.events(run, .attemptStarted).compactMap { $0.body["page"] }
            #expect(pages == [2])
        }
    }

    @Test func `a list that goes on, and a definition that does not say how: nothing is sent again, a person is asked`()
        async throws
    {
        let definition = Self.adopting([(Self.looks, "\(Self.looks)\n      filter: none\n      within: 6s")])
        try await Installation.withRegister(definition) {
            $0.listFilter = .ignored
            $0.pageSize = 2
        } _: { installation in
            for number in 1...3 {
                installation.simulator.addClient(externalId: "other-\(number)", organisation: "other")
            }
            _ = installation.simulator.addFaults([.lostCreate])
            let run = try await installation.enqueue("+1", workflow: "registered-number")
            let held = try await installation.reaches(.held, run)
            #expect(held.reason?.contains("pages") == true, "\(held.reason ?? "")")
            #expect(installation.requests(.register).count == 1)
        }
    }

    @Test(arguments: [Registry.ListFilter.ignored, .fuzzy])
    func `a platform that does not filter as it was asked proves nothing: no resend, and nobody else's client is taken`(
        _ filter: Registry.ListFilter
    ) async throws {
        let definition = Self.adopting([(Self.looks, "\(Self.looks)\n      within: 6s")])
        try await Installation.withRegister(definition) {
            $0.listFilter = filter
        } _: { installation in
            _ = installation.simulator.addFaults([Self.notArrived])
            let run = try await installation.enqueue("+1", workflow: "registered-number")
            installation.simulator.addClient(externalId: "jo-\(run)", organisation: "other")
            let held = try await installation.reaches(.held, run)
            #expect(held.reason?.contains("filter") == true, "\(held.reason ?? "")")
            #expect(installation.requests(.register).count == 1)
            try await installation.command("cancel", run.description, "--reason", "enough")
            try await installation.reaches(.cancelled, run)
            #expect(installation.simulator.clients().allSatisfy { $0.deletedAtMilliseconds == nil })
        }
    }

    @Test func `a client of the same name that was there before is adopted, and a later failure does not delete it`()
        async throws
    {
        let definition = Self.adopting([
            ("externalId: '${run.id}', organizationId", "externalId: '${input.number}', organizationId"),
            ("query: {externalId: '${run.id}'}", "query: {externalId: '${input.number}'}"),
            ("where: item.externalId == run.id", "where: item.externalId == input.number"),
        ])
        try await Installation.withRegister(definition) { installation in
            installation.simulator.addClient(externalId: "+1", organisation: "other")
            _ = installation.simulator.addFaults([
                Self.notArrived,
                FaultRule(
                    name: "refused", match: RequestMatch(method: "GET", path: "/clients/*"), effect: .status(400)),
            ])
            let run = try await installation.enqueue("+1", workflow: "registered-number")
            try await installation.reaches(.failed, run)
            let clients = installation.simulator.clients()
            #expect(clients.count == 1 && clients[0].deletedAtMilliseconds == nil)
            #expect(!installation.decisions.contains(.clientDeleted))
            // The lost request may have made another one.
            let left = try await installation.command("runs", "--left-behind")
            #expect(left.contains("+1"), "\(left)")
        }
    }
}
