import EventStore
import Postgres
import TestSupport
import Testing
import WorkflowCore

@Suite(.timeLimit(.minutes(15))) struct LockedRowTests {
    @Test(arguments: ["run", "task"])
    func `a commit that waits too long for a row is busy and names the run; the others can be committed without it`(
        table: String
    ) async throws {
        try await TestDatabase.withDatabase { database in
            try await database.store.publishWorkflow()
            for number in 0..<3 { try await database.store.enqueueRun("\(number)") }
            let runs = try await database.store.claimed(workerA, 3, leaseMilliseconds: 60_000)
            let commits = try runs.map { try $0.commit([.entered("token-pending")]) }
            var configuration = PostgresConfiguration(connectionString: database.url)
            let holder = try await PostgresConnection.connect(configuration)
            configuration.lockTimeout = .milliseconds(200)
            let pool = PostgresPool(configuration)
            let store = PostgresStore(pool: pool)
            let column = table == "run" ? "id" : "run_id"
            try await holder.execute(
                "begin; select from turnup.\(table) where \(column) = '\(runs[1].id)' for update")
            let error = await storeError {
                _ = try await store.commit(commits, worker: workerA, leaseMilliseconds: 60_000)
            }
            #expect(error?.code == .busy)
            #expect(error?.lockedRuns == [runs[1].id])
            let others = [commits[0], commits[2]]
            let answers = try await store.commit(others, worker: workerA, leaseMilliseconds: 60_000)
            #expect(answers.count(where: { $0.isAccepted }) == 2)
            try await holder.execute("rollback")
            #expect(try await store.commitOne(commits[1]).isAccepted)
            for run in runs { #expect(try await store.events(of: run.id, after: 0).map(\.seq) == [1, 2]) }
            await holder.close()
            await pool.close()
        }
    }

    @Test func `a table that is locked as a whole is busy too`() async throws {
        try await TestDatabase.withDatabase { database in
            try await database.store.publishWorkflow()
            try await database.store.enqueueRun()
            let commit = try await database.store.claimOne().commit([.entered("token-pending")])
            var configuration = PostgresConfiguration(connectionString: database.url)
            let holder = try await PostgresConnection.connect(configuration)
            configuration.lockTimeout = .milliseconds(200)
            let pool = PostgresPool(configuration)
            let store = PostgresStore(pool: pool)
            try await holder.execute("begin; lock table turnup.event in access exclusive mode")
            let error = await storeError { _ = try await store.commitOne(commit) }
            #expect(error?.code == .busy && error?.lockedRuns == [])
            try await holder.execute("rollback; begin; lock table turnup.run in access exclusive mode")
            let second = await storeError { _ = try await store.commitOne(commit) }
            #expect(second?.code == .busy)
            try await holder.execute("rollback")
            #expect(try await store.commitOne(commit).isAccepted)
            await holder.close()
            await pool.close()
        }
    }

    @Test(arguments: ["lease", "line"])
    func `a claim that a locked table keeps waiting is busy, and names who keeps it locked or waits to`(table: String)
        async throws
    {
        try await TestDatabase.withDatabase { database in
            try await database.store.publishWorkflow()
            try await database.store.enqueueRun()
            var configuration = PostgresConfiguration(connectionString: database.url)
            configuration.applicationName = "somebody's script"
            let holder = try await PostgresConnection.connect(configuration)
            let reader = try await PostgresConnection.connect(configuration)
            configuration.applicationName = "turnup"
            configuration.lockTimeout = .milliseconds(200)
            let pool = PostgresPool(configuration)
            let store = PostgresStore(pool: pool)
            func claim() async throws -> Int {
                try await store.claimed(workerA, 3, leaseMilliseconds: 60_000).count
            }
            let number = await holder.backendProcessID
            try await holder.execute("begin; lock table turnup.\(table) in share row exclusive mode")
            let error = await storeError { _ = try await claim() }
            let names = "turnup.\(table) is locked in ShareRowExclusiveLock by session \(number) of"
            #expect(error?.code == .busy)
            #expect(error?.message.contains(names) == true, "\(error?.message ?? "")")
            #expect(error?.message.contains("(somebody's script)") == true)
            try await holder.execute("rollback")
            // A long reader stops nobody, but an "alter table" that waits for it does.
            try await reader.execute("begin; select from turnup.\(table)")
            let waiting = Task { try await holder.execute("alter table turnup.\(table) add column more int") }
            while try await database.pool.query("select 1 from pg_locks where not granted and pid = \(number)").isEmpty
            {
                try await Task.sleep(for: .milliseconds(5))
            }
            let second = await storeError { _ = try await claim() }
            #expect(
                second?.message.contains("turnup.\(table) waits to be locked in AccessExclusiveLock by") == true,
                "\(second?.message ?? "")")
            try await reader.execute("rollback")
            _ = try await waiting.value
            #expect(try await claim() == 1)
            for connection in [holder, reader] { await connection.close() }
            await pool.close()
        }
    }
}
