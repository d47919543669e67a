import Postgres
import TestSupport
import Testing
import WorkflowCore

@testable import EventStore

@Suite struct VerifyPagesTests {
    /// The first page is kept waiting at the secrets of its run; what is damaged meanwhile lies in a later page.
    @Test func `each page has a snapshot of its own`() async throws {
        try await VerifyScene.with { scene in
            let found = Found()
            try await scene.database.withSuperuser { other in
                try await other.execute("begin; lock table turnup.secret in access exclusive mode")
                async let tally = Verifier(store: scene.database.store, pageRuns: 1)
                    .verify(.everything) { found.add($0) }
                try await waitUntil {
                    try await Self.waiting(scene) > 0
                }
                try await scene.database.tamper("update turnup.run set state = 'x' where id = '\(scene.fresh)'")
                try await other.execute("rollback")
                let runs = try await tally.runs
                #expect(runs == 6)
            }
            #expect(found.all.map(\.runId) == [scene.fresh])
        }
    }

    /// How many locks of this database are waited for; other tests have theirs on the same server.
    private static func waiting(_ scene: VerifyScene) async throws -> Int {
        try await scene.database.pool.query(
            """
            select 1 from pg_locks
            where not granted and database = (select oid from pg_database where datname = current_database())
            """
        ).count
    }

    @Test func `what is requested after the start is left out, so that it comes to an end`() async throws {
        try await VerifyScene.with { scene in
            let store = scene.database.store
            try await scene.database.withSuperuser { other in
                try await other.execute("begin; lock table turnup.secret in access exclusive mode")
                async let tally = Verifier(store: store, pageRuns: 2).verify(.everything) { _ in }
                async let matching = Verifier(store: store, pageRuns: 2)
                    .verify(.matching(workflow: "w", changedSince: nil)) { _ in }
                try await waitUntil {
                    try await Self.waiting(scene) == 2
                }
                for number in 10..<15 { try await store.enqueueRun("\(number)") }
                try await other.execute("rollback")
                let counts = try await [tally.runs, matching.runs]
                #expect(counts == [6, 6])
            }
        }
    }

    /// Forty rows are looked at for each run that a page may have.
    @Test func `a workflow with few runs is found among many, page by page`() async throws {
        try await TestDatabase.withDatabase { database in
            let store = database.store
            try await store.publishWorkflow()
            try await store.publishWorkflow("rare")
            var rare: [Identifier] = []
            for number in 0..<100 {
                try await store.enqueueRun("\(number)")
                if number % 49 == 0 { rare.append(try await store.enqueueRun("\(number)", workflow: "rare")) }
            }
            try await database.tamper("update turnup.run set state = 'x'")
            let found = Found()
            let tally = try await Verifier(store: store, pageRuns: 1)
                .verify(.matching(workflow: "rare", changedSince: nil)) { found.add($0) }
            #expect(tally.runs == 3 && found.all.map(\.runId) == rare)
            let last = try await database.pool.query("select id from turnup.run order by id desc limit 1").onlyRow()
                .identifier("id")
            #expect(tally.after == last)
        }
    }

    @Test func `a page that takes long is followed by a smaller one, and a quick one by a larger`() {
        let request = VerifyPageRequest(events: 1000)
        let id = newId()
        #expect(request.next(after: id, took: .seconds(2), atMost: 20_000).events == 500)
        #expect(request.next(after: id, took: .milliseconds(500), atMost: 20_000).events == 1000)
        #expect(request.next(after: id, took: .milliseconds(5), atMost: 20_000).events == 2000)
        #expect(request.next(after: id, took: .milliseconds(5), atMost: 1500).events == 1500)
        #expect(VerifyPageRequest(events: 1).next(after: id, took: .seconds(9), atMost: 10).events == 1)
    }
}
