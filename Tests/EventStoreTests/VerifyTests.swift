import EventStore
import Postgres
import Synchronization
import TestSupport
import Testing
import WorkflowCore

@Suite struct VerifyTests {
    @Test func `what the store itself has written is in order, in pages of any size`() async throws {
        try await VerifyScene.with { scene in
            for size: Int64 in [1, 2, 500] {
                #expect(try await scene.violations(pageRuns: size) == [])
            }
            #expect(try await scene.violations(.sample(100)) == [])
            #expect(try await scene.violations(.matching(workflow: "w", changedSince: nil)) == [])
            let tally = try await Verifier(store: scene.database.store).verify(.everything) { _ in }
            #expect(tally.runs == 6 && tally.events == 19 && !tally.isPartial)
        }
    }

    @Test(arguments: Damage.all)
    func `each kind of damage is reported with its code and its run`(_ damage: Damage) async throws {
        try await VerifyScene.with { scene in
            try await scene.tamper(damage.sql)
            for size: Int64 in [1, 500] { try await scene.expect(damage, pageRuns: size) }
        }
    }

    @Test func `every code is reported by some damage`() {
        let reported = Set(Damage.all.flatMap(\.codes))
        // These need two folds that disagree, or an attempt of another id while one is open.
        let missing = Set(ViolationCode.allCases).subtracting(reported)
        #expect(missing == [.foldsDiffer, .attemptNotOpen])
    }

    @Test func `a disabled guard is seen though nothing was changed`() async throws {
        try await VerifyScene.with { scene in
            try await scene.tamper("select 1", keepsGuards: false)
            let found = try await scene.violations()
            let partitions = try await scene.database.count(
                "select count(*) from pg_inherits where inhparent = 'turnup.event'::regclass")
            // Its partitions follow the table of events.
            #expect(found.count == 3 + Int(partitions) && partitions > 6)
            #expect(found.allSatisfy { $0.code == .guardMissing && $0.actual == "disabled" })
        }
    }

    @Test func `a scope finds the damage of its own runs only`() async throws {
        try await VerifyScene.with { scene in
            try await scene.tamper("update turnup.run set state = 'x' where id in ({live}, {held})")
            #expect(Set(try await scene.violations(.runs([scene.live])).map(\.runId)) == [scene.live])
            #expect(try await scene.violations(.runs([scene.fresh])) == [])
            #expect(try await scene.violations(.matching(workflow: "other", changedSince: nil)) == [])
            #expect(try await scene.violations(.matching(workflow: "w", changedSince: nil)).count == 2)
            let future = try await scene.database.store.now().advanced(byMilliseconds: 1000)
            // What is live may have events that are newer than its row.
            let matching = try await scene.violations(.matching(workflow: nil, changedSince: future))
            #expect(matching.map(\.runId) == [scene.live])
        }
    }

    @Test func `it stops after a page when it is told to, says so, and goes on where it stood`() async throws {
        try await VerifyScene.with { scene in
            let pages = Mutex(0)
            let tally = try await Verifier(store: scene.database.store, pageRuns: 2).verify(.everything) { _ in
            } goesOn: { _ in
                pages.withLock { count in
                    count += 1
                    return count < 2
                }
            }
            #expect(tally.isPartial && tally.runs == 4 && pages.withLock { $0 } == 2)
            try await scene.tamper("update turnup.run set state = 'y' where id in ({ended}, {fresh})")
            let found = Found()
            let rest = try await Verifier(store: scene.database.store, pageRuns: 2)
                .verify(.everything, after: tally.after) { found.add($0) }
            #expect(!rest.isPartial && rest.runs == 2 && found.all.map(\.runId) == [scene.fresh])
        }
    }

    @Test func `one look at a time, and each goes on where the last one ended`() async throws {
        try await VerifyScene.with { scene in
            let verifier = Verifier(store: scene.database.store)
            try await scene.database.withSuperuser { other in
                // The verifier's own number.
                try await other.execute("begin; select pg_advisory_xact_lock(x'7475726e7665'::bigint)")
                #expect(try await verifier.look(VerifyLook()) == nil)
                try await other.execute("commit")
            }
            let first = try #require(try await verifier.look(VerifyLook(recent: 0, random: 0, queueRuns: 3)))
            #expect(first.tally.runs == 0 && first.queueRuns == 3 && first.queueAfter != nil)
            let second = try #require(
                try await verifier.look(
                    VerifyLook(recent: 0, random: 0, queueAfter: first.queueAfter, queueRuns: 4)))
            #expect(second.queueRuns == 3 && second.queueAfter == nil)
            let whole = try #require(try await verifier.look(VerifyLook()))
            #expect(whole.tally.runs == 6 && whole.violations == [])
        }
    }

    /// A stream that is longer than what is read at once.
    @Test func `a long stream is folded in pieces`() async throws {
        try await TestDatabase.withDatabase { database in
            let store = database.store
            try await store.publishWorkflow()
            let id = try await store.enqueueRun()
            let claim = try await store.claimOne()
            let moves = (0..<4500).map { NewEvent.entered("s\($0)") }
            _ = try await store.commitOne(claim.commit(moves, keepsLease: true))
            let found = Found()
            let tally = try await Verifier(store: store).verify(.everything) { found.add($0) }
            #expect(tally.events == 4501 && found.all == [])
            try await database.withSuperuser { connection in
                try await connection.execute(
                    """
                    alter table turnup.event disable trigger refuse_change;
                    update turnup.event set body = '{"state":"x"}' where seq = 4400;
                    alter table turnup.event enable always trigger refuse_change
                    """)
            }
            _ = try await Verifier(store: store).verify(.runs([id])) { found.add($0) }
            #expect(found.all.map(\.code) == [.chain] && found.all.first?.seq == 4400)
        }
    }
}

/// Collects violations.
final class Found: Sendable {
    private let violations = Mutex<[Violation]>([])

    var all: [Violation] { violations.withLock { $0 } }

    func add(_ violation: Violation) { violations.withLock { $0.append(violation) } }
}
