import EventStore
import Postgres
import Synchronization
import TestSupport
import Testing
import WorkflowCore

@Suite(.timeLimit(.minutes(5))) struct HammerTests {
    /// Eight sessions claim, commit, release, append and pause the same forty runs, and not one is made to wait for
    /// ever. Afterwards the tables agree with each other and with the events.
    @Test func `sessions that do everything at once never deadlock and leave the tables in order`() async throws {
        try await TestDatabase.withDatabase(connections: 8) { database in
            let store = database.store
            try await store.publishWorkflow()
            var ids: [Identifier] = []
            for number in 0..<40 { ids.append(try await store.enqueueRun("\(number)")) }
            let errors = Mutex<[StoreError]>([])
            let accepted = Mutex(0)
            let all = ids
            _ = try await together(8) { session in
                for round in 0..<24 {
                    do {
                        let count = try await Hammer(store: store, ids: all, session: session, round: round).strike()
                        accepted.withLock { $0 += count }
                    } catch let error as StoreError { errors.withLock { $0.append(error) } }
                }
            }
            #expect(errors.withLock { $0 } == [])
            #expect(accepted.withLock { $0 } > 100)
            // Counted by the server itself: a deadlock that some layer repeated would show here.
            #expect(try await database.count(Self.deadlocks) == 0)
            try await expectOrder(in: database)
            for id in ids { try await expectFold(of: id, in: store) }
        }
    }

    /// Zombies name runs that others hold, in any order, so their batches overlap all the time.
    @Test func `batches that name the same runs in any order never deadlock`() async throws {
        try await TestDatabase.withDatabase(connections: 8) { database in
            let store = database.store
            try await store.publishWorkflow()
            for number in 0..<40 { try await store.enqueueRun("\(number)") }
            let stale = try await store.claim(worker: workerA, limit: 40, leaseMilliseconds: 60 * minute)
            for run in stale {
                _ = try await store.append(
                    AppendRequest(runId: run.id, expectedSeq: nil, event: .cancel, actor: "person:p"))
            }
            let errors = try await together(8) { session -> [StoreError] in
                var errors: [StoreError] = []
                for round in 0..<25 {
                    do {
                        let order = stale.shuffled()
                        if (session + round) % 2 == 0 {
                            let commits = try order.map { try $0.commit([.entered("x")]) }
                            let answers = try await store.commit(commits, worker: workerA, leaseMilliseconds: minute)
                            #expect(answers.allSatisfy { $0 == .behind })
                        } else {
                            try await store.release(
                                order.map { LeaseRelease(runId: $0.id, epoch: $0.epoch) }, worker: workerB)
                        }
                    } catch let error as StoreError { errors.append(error) }
                }
                return errors
            }
            #expect(errors.flatMap { $0 } == [])
            #expect(try await database.count(Self.deadlocks) == 0)
        }
    }

    private static let deadlocks = "select deadlocks from pg_stat_database where datname = current_database()"

    /// T1 and L1, in SQL that shares nothing with the code under test.
    private func expectOrder(in database: TestDatabase) async throws {
        let oddTasks = """
            select count(*) from turnup.run r full join turnup.task t on t.run_id = r.id
            where (coalesce(r.status, '') = 'live') <> (t.run_id is not null)
            """
        #expect(try await database.count(oddTasks) == 0)
        let gaps = """
            select count(*) from (
              select e.run_id from turnup.event e join turnup.run r on r.id = e.run_id
              group by e.run_id, r.seq
              having min(e.seq) <> 1 or max(e.seq) <> count(*) or max(e.seq) <> r.seq) as odd
            """
        #expect(try await database.count(gaps) == 0)
        let lastHash = """
            select count(*) from turnup.run r join turnup.event e on e.run_id = r.id and e.seq = r.seq
            where e.hash <> r.hash
            """
        #expect(try await database.count(lastHash) == 0)
        let backwards = """
            select count(*) from (
              select e.epoch - lag(e.epoch) over (partition by e.run_id order by e.seq) as step
              from turnup.event e where e.type <> 'attempt.late') as steps
            where step < 0
            """
        #expect(try await database.count(backwards) == 0)
        #expect(try await brokenLinks(in: database) == [])
    }

    private func expectFold(of id: Identifier, in store: PostgresStore) async throws {
        let row = try #require(try await store.run(id))
        let fold = try #require(try await store.fold(id))
        #expect(row.state == fold.state && row.status == fold.status && row.seq == fold.seq)
        #expect(row.reason == fold.reason && row.key == fold.key && row.requestedAt == fold.requestedAt)
        #expect((row.endedAt != nil) == fold.status.isEnded)
    }
}

/// One session's doings of one round, chosen by its numbers so that every pair of doings meets.
private struct Hammer {
    let store: PostgresStore
    let ids: [Identifier]
    let session: Int
    let round: Int

    private var name: String { "worker:\(session)" }

    /// Answers how many commits were accepted.
    func strike() async throws -> Int {
        let service = round % 2 == 0 ? "s" : "t"
        switch (session + round) % 8 {
        case 0: _ = try await store.pauseService(service, milliseconds: 3, reason: "hammer", by: person)
        case 1: _ = try await store.resumeService(service)
        case 2: for id in ids.shuffled().prefix(6) { try await append(to: id) }
        case 3: _ = try await store.nextDue()
        default: break
        }
        let claimed = try await store.claim(worker: name, limit: 10, leaseMilliseconds: round % 3 == 0 ? 1 : 2000)
        var commits: [RunCommit] = []
        // The reverse of the claim's order, so that no order but the store's own keeps two batches apart.
        for run in claimed.reversed() {
            let number = UInt8(truncatingIfNeeded: run.id.low)
            if number % 5 == UInt8(round % 5) {
                try await store.release([LeaseRelease(runId: run.id, epoch: run.epoch, service: service)], worker: name)
            } else {
                let attempt = newId()
                var events: [NewEvent] = [.started(attempt), .done(attempt), .entered("round-\(round)")]
                if round > 18, number % 7 == 0 { events.append(NewEvent(.runSucceeded, [:])) }
                commits.append(try run.commit(events, service: service))
            }
        }
        let answers = try await store.commit(commits, worker: name, leaseMilliseconds: 1000)
        return answers.count { $0.isAccepted }
    }

    private func append(to id: Identifier) async throws {
        let fold = try await store.fold(id)
        guard let fold, !fold.status.isEnded else { return }
        if round == 12, fold.status == .live {
            let held = try fold.after([.held], by: "person:p")
            _ = try await store.append(
                AppendRequest(runId: id, expectedSeq: fold.seq, event: .held, actor: "person:p", stateAfter: held))
        } else {
            // A cancel makes a held run live again, so it is for the state that it was decided on.
            let after = try fold.after([.cancel], by: "person:p")
            _ = try await store.append(
                AppendRequest(runId: id, expectedSeq: fold.seq, event: .cancel, actor: "person:p", stateAfter: after))
        }
        _ = try await store.appendLate(
            LateEvidence(runId: id, epoch: 0, attemptId: newId(), body: [:]), worker: "worker:z")
    }
}
