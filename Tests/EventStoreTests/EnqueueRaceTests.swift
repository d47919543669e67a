import EventStore
import Postgres
import TestSupport
import Testing
import WorkflowCore

@Suite struct EnqueueRaceTests {
    private struct RolledBack: Error {}

    @Test func `an enqueue in a transaction that is rolled back leaves nothing`() async throws {
        try await TestDatabase.withDatabase { database in
            try await database.store.publishWorkflow()
            await #expect(throws: RolledBack.self) {
                try await database.pool.withTransaction { connection in
                    let row = try connection.querySync(
                        "select created from turnup.enqueue('w', 'o', '{\"number\":\"1\"}')"
                    ).onlyRow()
                    #expect(try row.bool("created"))
                    throw RolledBack()
                }
            }
            for table in ["run", "event", "task"] {
                #expect(try await database.count("select count(*) from turnup.\(table)") == 0)
            }
            #expect(try await database.store.enqueue(request(["number": "1"])).isNew)
        }
    }

    @Test func `32 sessions that enqueue the same at once all get the one run`() async throws {
        try await TestDatabase.withDatabase(connections: 32) { database in
            try await database.store.publishWorkflow()
            let receipts = try await together(32) { _ in
                try await database.store.enqueue(request(["number": "1"]))
            }
            #expect(Set(receipts.map(\.runId)).count == 1)
            #expect(receipts.count { $0.isNew } == 1)
            #expect(try await database.count("select count(*) from turnup.event") == 1)
        }
    }

    @Test func `of 32 sessions with the same id and two inputs one input wins and the rest are told of it`()
        async throws
    {
        try await TestDatabase.withDatabase(connections: 32) { database in
            try await database.store.publishWorkflow()
            let id = newId()
            let outcomes = try await together(32) { index -> StoreError? in
                do {
                    let number = "\(index % 2)"
                    let receipt = try await database.store.enqueue(request(["number": .string(number)], id: id))
                    #expect(receipt.runId == id)
                    return nil
                } catch let error as StoreError { return error }
            }
            let errors = outcomes.compactMap { $0 }
            #expect(errors.count == 16)
            #expect(errors.allSatisfy { $0.code == .keyConflict && $0.runId == id.description })
            #expect(try await database.count("select count(*) from turnup.event") == 1)
        }
    }

    @Test func `of 32 sessions with the same key and other input one wins and the rest are told of it`() async throws {
        try await TestDatabase.withDatabase(connections: 32) { database in
            try await database.store.publishWorkflow(
                input: #"{"number":{"type":"string"},"label":{"type":"integer"}}"#)
            let outcomes = try await together(32) { index -> Result<EnqueueReceipt, StoreError> in
                do {
                    return .success(
                        try await database.store.enqueue(request(["number": "1", "label": .integer(index)])))
                } catch let error as StoreError { return .failure(error) }
            }
            let winners = outcomes.compactMap { try? $0.get() }
            #expect(winners.count == 1)
            let winner = try #require(winners.first)
            for case .failure(let error) in outcomes {
                #expect(error.code == .keyConflict && error.runId == winner.runId.description)
            }
        }
    }

    @Test func `an enqueue waits for a rival's transaction and takes the key when that is rolled back`() async throws {
        try await TestDatabase.withDatabase { database in
            try await database.store.publishWorkflow()
            try await afterRival(in: database, end: "rollback", id: newId()) {
                let receipt = try await database.store.enqueue(request(["number": "1"]))
                #expect(receipt.isNew)
            }
        }
    }

    @Test func `an enqueue whose id a rival's transaction has just used is told of its run`() async throws {
        try await TestDatabase.withDatabase { database in
            try await database.store.publishWorkflow()
            let id = newId()
            try await afterRival(in: database, end: "commit", id: id) {
                let error = await storeError { try await database.store.enqueueRun("2", id: id) }
                #expect(error?.code == .keyConflict && error?.runId == id.description)
            }
        }
    }

    /// Does the work while a rival has enqueued number 1 and not yet ended its transaction; it must wait for that.
    private func afterRival(
        in database: TestDatabase, end: String, id: Identifier, _ work: @escaping @Sendable () async throws -> Void
    ) async throws {
        let rival = try await PostgresConnection.connect(PostgresConfiguration(connectionString: database.url))
        try await rival.execute(
            "begin; select turnup.enqueue('w', 'o', '{\"number\":\"1\"}', id => '\(id)')")
        async let done: Void = work()
        try await waitUntil {
            try await database.count(
                "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
            ) == 1
        }
        try await rival.execute(end)
        try await done
        await rival.close()
    }
}

/// Runs that many pieces of work at once; their answers in no particular order.
func together<Value: Sendable>(
    _ count: Int, _ work: @escaping @Sendable (Int) async throws -> Value
) async throws -> [Value] {
    try await withThrowingTaskGroup(of: Value.self) { group in
        for index in 0..<count { group.addTask { try await work(index) } }
        return try await group.reduce(into: []) { $0.append($1) }
    }
}

/// Asks again until the condition holds; gives up after 20 seconds.
func waitUntil(_ condition: () async throws -> Bool) async throws {
    let deadline = ContinuousClock.now + .seconds(60)
    while try await !condition() {
        try #require(ContinuousClock.now < deadline, "waited in vain")
        try await Task.sleep(for: .milliseconds(5))
    }
}
