import EventStore
import Foundation
import PlatformSimulator
import Testing
import WorkflowCore

/// Many runs at once on a platform that tells every lie now and then, judged by the checker that shares nothing with the
/// engine: nothing of others is touched, nothing that was made is forgotten, and a key has one thing.
@Suite(.timeLimit(.minutes(15))) struct LiesTests {
    private static let looks = """
        after: 1s
              effect_within: 6s
              looks: {times: 2, every: 3s}
              pages: link
              within: 40s
        """

    /// What it finds bears its mark, or a name that others may have too.
    private static func definition(byName: Bool) -> String {
        var text = RegistryDefinitions.adopting
        var changes = [
            ("after: 2s\n      effect_within: 2s\n      looks: {times: 2, every: 500ms}", looks),
            ("services: {wpp: {timeout: 3s}}", "services: {wpp: {timeout: 2s}}"),
        ]
        if byName {
            changes += [
                ("externalId: '${run.id}', organizationId", "externalId: '${input.number}', organizationId"),
                ("query: {externalId: '${run.id}'}", "query: {externalId: '${input.number}'}"),
                ("where: item.externalId == run.id", "where: item.externalId == input.number"),
            ]
        }
        for (old, new) in changes {
            precondition(text.contains(old), "the definition has no \(old)")
            text = text.replacingOccurrences(of: old, with: new)
        }
        return text
    }

    private static let faults = [
        FaultRule(name: "register-lost", match: .register, trigger: .probability(0.25), effect: .close(.after)),
        FaultRule(
            name: "register-late", match: .register, trigger: .probability(0.2),
            effect: .lateEffect(milliseconds: 2500)),
        FaultRule(name: "register-frozen", match: .register, trigger: .nth(6), effect: .freeze(milliseconds: 5000)),
        FaultRule(
            name: "list-503", match: RequestMatch(method: "GET", path: "/clients"), trigger: .probability(0.1),
            effect: .status(503)),
        FaultRule(
            name: "read-cut", match: RequestMatch(method: "GET", path: "/clients/*"), trigger: .organisations(0.3),
            effect: .close(.after)),
    ]

    @Test(arguments: [false, true])
    func `under every lie at once nothing of others is touched, nothing is forgotten, and nothing is there twice`(
        byName: Bool
    ) async throws {
        try await Installation.withRegisterAlone(Self.definition(byName: byName)) {
            $0.pageSize = 2
            $0.listReplicaLagMilliseconds = [0, 1000]
            $0.lies.staleLists = 0.2
            $0.lies.staleMilliseconds = 2000
            $0.lies.unfilteredLists = 0.15
            $0.lies.fuzzyLists = 0.15
            $0.lies.namesakes = 0.4
        } _: { installation in
            installation.simulator.addFaults(Self.faults)
            var runs: [Identifier] = []
            try await installation.withWorker(leaseSeconds: 10) { _ in
                for number in 1...24 {
                    let run = try await installation.enqueue(
                        "+\(number)", organisation: "o\(number % 8)", workflow: "registered-number")
                    runs.append(run)
                    if number.isMultiple(of: 4) { try await installation.cancel(run, reason: "no longer wanted") }
                }
                for run in runs {
                    let isDone = try await eventually(seconds: 240) {
                        try await installation.store.run(run)?.status != .live
                    }
                    let types = try await installation.types(run)
                    #expect(isDone, "\(types)")
                }
            }
            try await Checker.check(installation)
            let told = installation.simulator.liesTold()
            // Which lists lie is drawn for each request, and not every run looks something up.
            let second: Set = byName ? ["namesake"] : ["unfiltered list", "fuzzy list"]
            #expect(told["stale list"] != nil && !second.isDisjoint(with: told.keys), "\(told)")
            var ends: [RunStatus: Int] = [:]
            for run in runs { ends[try #require(try await installation.store.run(run)).status, default: 0] += 1 }
            #expect(ends[.succeeded, default: 0] > 3, "\(ends)")
        }
    }
}
