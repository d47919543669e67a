import Postgres
import TestSupport
import Testing
import Vault
import WorkflowCore

@testable import EventStore

/// What a diagnosis reads: equal keys by their whole fingerprints, first and later connections, and never more than so much.
@Suite struct DiagnosisReadTests {
    /// A run whose create was answered with this key, and what then became of the key: second, done or not done.
    private func run(
        _ number: String, _ organisation: String, key: String, uses: [(Int64, Bool)] = [], ends: String = "live",
        in fixture: StoreFixture
    ) async throws -> Identifier {
        let id = try await fixture.store.enqueueRun(number, organisation: organisation)
        let place = SecretPlace(scope: .run, scopeId: id.description, name: "api_key", version: 1)
        try await fixture.store.putSecret(fixture.vault.seal(Secret(key), at: place), by: workerA)
        var rows = ""
        for (index, use) in uses.enumerated() {
            let status = use.1 ? 200 : 403
            let type = use.1 ? "attempt.done" : "attempt.not_done"
            rows += """
                insert into turnup.event (run_id, seq, type, body, epoch, attempt_id, actor, recorded_at, hash)
                select '\(id)', \(index + 2), '\(type)',
                  '{"state":"p","evidence":{"status":\(status),"credentials_used":[{"name":"api_key","fingerprint":"f"}]}}',
                  1, gen_random_uuid(), 'worker:t', s.created_at + interval '\(use.0) s', sha256('\(id) \(index)')
                from turnup.secret s where s.scope_id = '\(id)';

                """
        }
        try await fixture.database.tamper(
            rows + "update turnup.run set status = '\(ends)', has_task = \(ends == "live"), "
                + "ended_at = \(ends == "live" ? "null" : "requested_at") where id = '\(id)';")
        return id
    }

    private func overview(_ id: Identifier, _ fixture: StoreFixture) async throws -> RunOverview {
        try #require(try await fixture.store.run(id))
    }

    @Test func `the fleet tells first from later connections, and when each key was refused and accepted`() async throws
    {
        try await StoreFixture.with { fixture in
            try await fixture.store.publishWorkflow()
            let first = try await run("1", "o", key: "k1", uses: [(1, true)], ends: "succeeded", in: fixture)
            let second = try await run(
                "2", "o", key: "k2", uses: [(1, false), (4, false), (9, true), (12, false)], in: fixture)
            let third = try await run("3", "o", key: "k3", uses: [(1, false)], in: fixture)
            let other = try await run("1", "p", key: "k4", in: fixture)
            let works = try #require(try await fixture.store.fleet(workflow: "w", key: "api_key").first)
            let key = FleetRecord.Key(
                name: "api_key", fingerprint: "", at: try #require(works.keySealedAt), firstYes: works.firstAcceptedAt,
                lastYes: works.lastAcceptedAt)
            let record = FleetRecord(run: first, seq: 1, status: .succeeded, key: key, last: works.last)
            #expect(try await fixture.store.record([record]) == [first: .recorded])
            let rows = try await fixture.store.fleet(workflow: "w", key: "api_key", state: "requested")
            #expect(rows.first == works, "the table says of the first one what its events said")
            #expect(rows.map(\.run) == [first, second, third, other])
            #expect(rows.map(\.hasEarlierKey) == [false, true, true, false])
            #expect(rows.map(\.hasEarlierSuccess) == [false, true, true, false])
            let late = rows[1]
            let sealed = try #require(late.keySealedAt)
            #expect(late.refusedBeforeAt?.milliseconds(since: sealed) == 4000)
            #expect(late.firstAcceptedAt?.milliseconds(since: sealed) == 9000)
            #expect(late.lastAcceptedAt == late.firstAcceptedAt)
            #expect(late.lastRefusedAt?.milliseconds(since: sealed) == 12_000)
            #expect(late.last?.type == "attempt.not_done" && late.last?.status == 403)
            #expect(rows[2].firstAcceptedAt == nil && rows[2].lastRefusedAt != nil)
            #expect(rows[2].last?.credential == "api_key")
            #expect(rows[3].last == nil)
            #expect(try await fixture.store.fleet(workflow: "w", key: nil).allSatisfy { $0.keySealedAt == nil })
            #expect(try await fixture.store.fleet(workflow: "nothing", key: "api_key").isEmpty)
        }
    }

    @Test func `an equal key is found within the organisation and in others, and only the very same one`() async throws
    {
        try await StoreFixture.with { fixture in
            try await fixture.store.publishWorkflow()
            let first = try await run("1", "o", key: "same", in: fixture)
            let second = try await run("2", "o", key: "same", in: fixture)
            let foreign = try await run("1", "p", key: "same", in: fixture)
            _ = try await run("3", "o", key: "another", in: fixture)
            let found = try await fixture.store.runsWithSameKey(
                as: try await overview(second, fixture), named: "api_key")
            #expect(found.map(\.run) == [first, foreign] && found.map(\.organisation) == ["o", "p"])
            #expect(found.map(\.key) == ["1", "1"])
            let none = try await fixture.store.runsWithSameKey(as: try await overview(second, fixture), named: "token")
            #expect(none.isEmpty)
        }
    }

    @Test func `of many siblings the ten oldest and the newest are read, with the first and last events of each`()
        async throws
    {
        try await StoreFixture.with { fixture in
            try await fixture.store.publishWorkflow()
            var ids: [Identifier] = []
            for index in 0..<60 { ids.append(try await fixture.store.enqueueRun("\(index)")) }
            ids.sort { $0.description < $1.description }
            _ = try await fixture.store.enqueueRun("1", organisation: "p")
            let many = try await run(
                "x", "o", key: "k", uses: (1...100).map { (Int64($0), false) }, in: fixture)
            let read = try await fixture.store.siblings(of: try await overview(ids[59], fixture))
            #expect(read.map(\.run.id) == Array(ids.prefix(10)) + Array(ids[20..<59]) + [many])
            #expect(read.last?.events.map(\.seq) == Array(1...30) + Array(72...101))
            let few = try await fixture.store.siblings(of: try await overview(many, fixture))
            #expect(few.count == DiagnosisBounds.siblings)
        }
    }
}
