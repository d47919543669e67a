import TestSupport
import Testing
import WorkflowCore

/// The simulation proves as much as its model of the store is true.
@Suite struct ScheduleTests {
    private struct Result: Sendable {
        var schedules = 0
        var calls = 0
        var counts: [String: Int] = [:]
        var divergences: [ScheduleReplay.Divergence] = []
    }

    private static func replayed(firstSeed: Int, seeds: Int, bug: String? = nil) async throws -> Result {
        let file = try await Schedule.recorded(firstSeed: firstSeed, seeds: seeds, bug: bug)
        return try await TestDatabase.withDatabase { database in
            let replay = try await ScheduleReplay(database, file)
            var result = Result()
            for schedule in file.schedules {
                if let divergence = try await replay.replay(schedule) { result.divergences.append(divergence) }
                result.schedules += 1
                result.calls += schedule.calls.count
            }
            await replay.close()
            result.counts = replay.counts
            return result
        }
    }

    @Test func `PostgreSQL does and answers in 200 recorded schedules what the simulation's model of it did`()
        async throws
    {
        let seeds = 200
        let parts = 4
        let rare = [315, 345, 991, 2504, 3137]
        let total = try await withThrowingTaskGroup(of: Result.self) { group in
            for part in 0..<parts {
                group.addTask {
                    try await Self.replayed(firstSeed: 1 + part * seeds / parts, seeds: seeds / parts)
                }
            }
            // Rare: a key is asked for, or taken back, while another run has it; evidence is kept twice; a lease is over
            // when it is to be renewed.
            for seed in rare { group.addTask { try await Self.replayed(firstSeed: seed, seeds: 1) } }
            return try await group.reduce(into: Result()) { total, part in
                total.schedules += part.schedules
                total.calls += part.calls
                total.divergences += part.divergences
                total.counts.merge(part.counts, uniquingKeysWith: +)
            }
        }
        for divergence in total.divergences { Issue.record("\(divergence)") }
        #expect(total.schedules == seeds + rare.count)
        // What makes the comparison worth something did happen.
        let counts = total.counts
        let least = [
            "commit accepted": 10_000, "commit already": 100, "commit behind": 15, "commit fenced": 100,
            "commit no permit": 250, "rescue": 300, "append_late true": 50, "append_late false": 1,
            "append accepted": 120,
            "append behind": 50, "take_over accepted": 5, "take_over keyTaken": 1, "enqueue existing": 50,
            "enqueue conflict": 1, "append keyTaken": 1, "released": 50, "redone": 20, "renew true": 100,
            "renew false": 1, "pause": 60, "resume true": 40, "release": 15,
            "events": 15,
        ]
        for (name, count) in least { #expect(counts[name] ?? 0 >= count, "\(name): \(counts[name] ?? 0)") }
        print("\(total.calls) calls: \(counts.sorted { $0.key < $1.key })")
    }

    @Test(arguments: [
        "no-fence", "claim-over-lease", "rescue-without-epoch", "move-without-epoch", "permit-while-paused",
        "permit-without-place", "key-released-early", "left-forgotten-with-key", "key-of-second-run",
        "release-loses-task", "ended-keeps-task", "held-keeps-task", "person-overwrites", "news-waits",
        "late-changes-state", "projection-in-second-transaction", "due-from-worker-clock",
    ])
    func `a mistake planted in the model is a difference to PostgreSQL`(bug: String) async throws {
        let result = try await Self.replayed(firstSeed: 1, seeds: 5000, bug: bug)
        #expect(result.schedules == 1 && result.divergences.count == 1)
    }
}
