import EventStore
import Postgres
import Synchronization
import TestSupport
import Testing
import WorkflowCore

@Suite(.timeLimit(.minutes(15))) struct HammerTests {
    /// Eight sessions claim, commit, release, append and pause the same forty runs, and not one is made to wait for
    /// ever. Afterwards the tables agree with each other and with the events.
    @Test func `sessions that do everything at once never deadlock and leave the tables in order`() async throws {
        try await TestDatabase.withDatabase(connections: 8) { database in
            let store = database.store
            for service in ["s", "t"] { try await store.publishWorkflow(service, calls: service) }
            try await store.publishWorkflow(calls: "s", liveRuns: ["live_runs": 12, "per": "organisation"])
            var ids: [Identifier] = []
            for number in 0..<40 {
                ids.append(try await store.enqueueRun("\(number)", organisation: "o\(number % 3)"))
            }
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
            #expect(accepted.withLock { $0 } > 40)
            // Counted by the server itself: a deadlock that some layer repeated would show here.
            #expect(try await database.count(Self.deadlocks) == 0)
            try await expectOrder(in: database)
            for id in ids { try await expectFold(of: id, in: store) }
            try await expectNoneLost(in: database)
        }
    }

    /// Whatever was done to the lines, the notes left lead to every run that waits.
    private func expectNoneLost(in database: TestDatabase) async throws {
        let store = database.store
        for service in ["s", "t"] {
            try await store.setService(ServiceRecord(name: service))
            _ = try await store.resumeService(service)
        }
        // Without the limit of live runs.
        try await store.publishWorkflow(version: 2, calls: "s")
        var left = Set<Identifier>()
        for run in try await store.runs(RunFilter(status: .live, limit: 1000)) { left.insert(run.id) }
        // Leases and waits are over, and those of services that have just come back are let through slowly.
        for minutes in 1...40 {
            try await database.shiftClock(seconds: Double(minutes) * 60)
            for run in try await store.claimed("worker:last", 200, leaseMilliseconds: 100 * minute) {
                left.remove(run.id)
            }
        }
        let places = try await whereabouts(of: left, in: database)
        #expect(left == [], "\(places)")
    }

    private func whereabouts(of runs: Set<Identifier>, in database: TestDatabase) async throws -> [String] {
        try await database.pool.query(
            """
            select concat_ws(' | ', r.status, r.state, r.live_slot, t, l, n, s) as text from turnup.run r
              left join turnup.task t on t.run_id = r.id left join turnup.lease e on e.run_id = r.id
              left join turnup.line l on l.service = t.service and l.organisation = t.organisation
              left join turnup.note n on n.service = t.service left join turnup.service_state s on s.name = t.service
            where r.id = any ($1)
            """, [.uuidArray(runs.map { PostgresUUID(high: $0.high, low: $0.low) })], readOnly: true
        ).map { try $0.string("text") }
    }

    /// Zombies name runs that others hold, in any order, so their batches overlap all the time.
    @Test func `batches that name the same runs in any order never deadlock`() async throws {
        try await TestDatabase.withDatabase(connections: 8) { database in
            let store = database.store
            try await store.publishWorkflow()
            for number in 0..<40 { try await store.enqueueRun("\(number)") }
            let stale = try await store.claimed(workerA, 40, leaseMilliseconds: 60 * minute)
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
                                order.map { LeaseRelease(runId: $0.id, token: newId()) })
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
                left join turnup.task t on t.run_id = r.id left join turnup.lease l on l.run_id = r.id
              group by e.run_id, r.seq, t.seq, l.seq
              having min(e.seq) <> 1 or max(e.seq) <> count(*)
                or max(e.seq) <> coalesce(greatest(l.seq, t.seq), r.seq)) as odd
            """
        #expect(try await database.count(gaps) == 0)
        let lastHash = """
            select count(*) from (
              select id, seq, hash from turnup.run union all select run_id, seq, hash from turnup.task
              union all select run_id, seq, hash from turnup.lease
            ) as x join turnup.event e on e.run_id = x.id and e.seq = x.seq
            where e.hash <> x.hash
            """
        #expect(try await database.count(lastHash) == 0)
        let strays = """
            select count(*) from turnup.lease l left join turnup.task t using (run_id)
            where t.run_id is null or t.epoch >= l.epoch
            """
        #expect(try await database.count(strays) == 0)
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
    private var service: String { round % 2 == 0 ? "s" : "t" }

    /// Answers how many commits were accepted.
    func strike() async throws -> Int {
        switch (session + round) % 8 {
        case 0: _ = try await store.pauseService(service, milliseconds: 3, reason: "hammer", by: person)
        case 1: _ = try await store.resumeService(service)
        case 2: for id in ids.shuffled().prefix(6) { try await append(to: id) }
        case 3:
            let limits = ServiceLimits(
                concurrent: round % 3 == 0 ? nil : 8, rate: nil, per: round % 2 == 0 ? .all : .organisation)
            try await store.setService(ServiceRecord(name: service, limits: limits))
        default: break
        }
        let claimed = try await store.claimed(name, 10, leaseMilliseconds: round % 3 == 0 ? 1 : 2000)
        var commits: [(run: ClaimedRun, commit: RunCommit)] = []
        // The reverse of the claim's order, so that no order but the store's own keeps two batches apart.
        for run in claimed.reversed() {
            let number = UInt8(truncatingIfNeeded: run.id.low)
            if number % 5 == UInt8(round % 5) {
                try await store.release([run.release()])
            } else {
                let attempt = newId()
                var events: [NewEvent] = [.started(attempt), .done(attempt), .entered("round-\(round)")]
                if let open = try run.state.get().openAttempt {
                    // Whoever had it lost its lease between the two steps.
                    events.insert(NewEvent(.attemptUnknown, ["error": "unknown_outcome"], attemptId: open.id), at: 0)
                }
                if round > 18, number % 7 == 0 { events.append(NewEvent(.runSucceeded, [:])) }
                let finding: ServiceReport.Finding = number % 11 == 0 ? .failed : .answered
                let report = ServiceReport(service: service, finding: finding, pauseMilliseconds: 3)
                let deadline: Int64? = number % 4 == 0 ? 5 : nil
                commits.append((run, try run.commit(events, service: service, deadline: deadline, report: report)))
            }
        }
        return try await write(commits)
    }

    /// Every third one in two steps, the intent first.
    private func write(_ commits: [(run: ClaimedRun, commit: RunCommit)]) async throws -> Int {
        let whole = commits.filter { $0.run.id.low % 3 != 0 }.map(\.commit)
        let stepwise = commits.filter { $0.run.id.low % 3 == 0 }
        let intents = try stepwise.map { run, commit in
            try run.commit(Array(commit.events.prefix(1)), keepsLease: true, service: service)
        }
        let begun = try await store.commit(intents, worker: name, leaseMilliseconds: 1000)
        var outcomes: [RunCommit] = []
        for ((_, commit), answer) in zip(stepwise, begun) {
            guard case .accepted(_, let hash) = answer else { continue }
            var rest = commit
            rest.events.removeFirst()
            (rest.baseSeq, rest.baseHash) = (rest.baseSeq + 1, hash)
            outcomes.append(rest)
        }
        let answers = try await store.commit(whole + outcomes, worker: name, leaseMilliseconds: 1000)
        return (begun + answers).count { $0.isAccepted }
    }

    private func append(to id: Identifier) async throws {
        guard let fold = try await store.fold(id), !fold.status.isEnded else { return }
        if round == 12, fold.status == .live, fold.openAttempt == nil {
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
