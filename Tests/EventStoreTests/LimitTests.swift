import EventStore
import Postgres
import TestSupport
import Testing
import WorkflowCore

/// Limits count over all workers together, and a claim takes all permits of a request or none.
@Suite(.timeLimit(.minutes(15))) struct LimitTests {
    private func enqueue(_ count: Int, _ organisations: [String], in store: PostgresStore, workflow: String = "w")
        async throws
    {
        for number in 1...count {
            for organisation in organisations {
                try await store.enqueueRun("\(number)", organisation: organisation, workflow: workflow)
            }
        }
    }

    private func organisations(_ runs: [ClaimedRun]) throws -> [String] {
        try runs.map { try $0.state.get().organisation }.sorted()
    }

    @Test func `requests under way at the same time are limited over two workers, for all organisations together`()
        async throws
    {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow(calls: "s", limits: ["concurrent": 3, "per": "all"])
            try await enqueue(5, ["o", "p"], in: store)
            let first = try await store.claimed(workerA, 2)
            let second = try await store.claimed(workerB)
            #expect(first.count == 2 && second.count == 1)
            #expect(try await store.claimed(workerA).isEmpty)
            let untouched = try await fixture.taskVersions("s")
            #expect(try await store.claimed(workerB).isEmpty)
            #expect(try await fixture.taskVersions("s") == untouched)
            try await fixture.send(first[0], .answered, due: 60 * minute)
            let next = try await store.claimed(workerB)
            #expect(next.count == 1)
            try await store.release([second[0].release(due: 60 * minute), next[0].release(due: 60 * minute)])
            #expect(try await store.claimed(workerA).count == 2)
        }
    }

    @Test func `a limit of each organisation leaves the others alone, and an exhausted one's rows too`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow(calls: "s", limits: ["concurrent": 2, "per": "organisation"])
            try await enqueue(30, ["o"], in: store)
            let first = try await store.claimed(workerA, 1)
            #expect(try await organisations(store.claimed(workerB)) == ["o"])
            #expect(try await store.claimed(workerA).isEmpty)
            let untouched = try await fixture.taskVersions("s")
            let places = try await lineVersions(fixture)
            for _ in 0..<5 { #expect(try await store.claimed(workerB).isEmpty) }
            #expect(try await fixture.taskVersions("s") == untouched)
            #expect(try await lineVersions(fixture) == places)
            try await enqueue(3, ["p"], in: store)
            #expect(try await organisations(store.claimed(workerA)) == ["p", "p"])
            try await fixture.send(first[0], .answered, due: 60 * minute)
            #expect(try await organisations(store.claimed(workerB)) == ["o"])
        }
    }

    private func lineVersions(_ fixture: StoreFixture) async throws -> String {
        try await fixture.database.pool.query(
            "select string_agg(concat(organisation, xmin, ctid), ' ' order by organisation) from turnup.line"
        ).onlyRow().string(0)
    }

    @Test func `of a limit for all and one for each organisation both hold`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow(calls: "s", limits: ["concurrent": 2, "per": "organisation"])
            try await store.setService(ServiceRecord(name: "s", limits: ServiceLimits(concurrent: 5, per: .all)))
            try await enqueue(4, ["o", "p", "q"], in: store)
            let runs = try await store.claimed()
            #expect(runs.count == 5)
            for name in ["o", "p", "q"] { #expect(try organisations(runs).count { $0 == name } <= 2) }
            #expect(try await store.claimed(workerB).isEmpty)
        }
    }

    /// The row of the service is locked by a claim whose leases nobody sees yet; the other claim waits for it and must
    /// count them. Counted by the statement that locks, they are missed.
    @Test(arguments: ["all", "organisation"])
    func `a claim that waited for another's lock counts what that one has given out`(_ per: String) async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow(calls: "s", limits: ["concurrent": 3, "per": .string(per)])
            if per == "organisation" {
                // So that the other one stops at the service's row, before it gets to the places.
                try await store.setService(ServiceRecord(name: "s", limits: ServiceLimits(concurrent: 100, per: .all)))
            }
            try await enqueue(9, ["o"], in: store)
            // The places are there, so that the other one does not stop at their notes.
            #expect(try await store.claimed(workerA, 1).count == 1)
            let holder = try await fixture.connect()
            try await holder.execute("begin; select run_id from turnup.claim('worker:x', 60000, 3, 3)")
            async let other = store.claimed(workerB)
            try await waitUntil {
                try await fixture.database.count(
                    "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
                ) == 1
            }
            try await holder.execute("commit")
            #expect(try await other.isEmpty)
            #expect(try await fixture.database.count("select count(*) from turnup.lease") == 3)
            #expect(try await store.claimed(workerB).isEmpty)
            await holder.close()
        }
    }

    /// The same with nothing but a place locked: then nobody waits, and is told to ask again.
    @Test func `a place that another claim has locked is left out, and its leases are counted the next time`()
        async throws
    {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow(calls: "s", limits: ["concurrent": 3, "per": "organisation"])
            try await enqueue(9, ["o", "p"], in: store)
            // Its notes are read, so that the other claim does not write the place itself.
            _ = try await store.claim(worker: workerA, ClaimDemand(room: 1), leaseMilliseconds: minute)
            let holder = try await fixture.connect()
            try await holder.execute(
                """
                begin; select from turnup.line where organisation = 'o' for update;
                insert into turnup.lease (
                  run_id, service, organisation, taken_at, expires, epoch, token, seq, hash, is_counted, worker)
                select run_id, 's', 'o', turnup.now(), turnup.now() + interval '1 minute', 1, gen_random_uuid(), seq, hash,
                  true, 'x'
                from turnup.task t where organisation = 'o' and not exists (select from turnup.lease l where l.run_id = t.run_id)
                order by due limit 3 - (select count(*) from turnup.lease where organisation = 'o')
                """)
            let answer = try await store.claim(worker: workerB, ClaimDemand(room: 100), leaseMilliseconds: minute)
            #expect(try organisations(answer.runs).allSatisfy { $0 == "p" })
            let line = try #require(answer.lines.first { $0.service == "s" })
            #expect(try #require(line.next) <= line.now)
            try await holder.execute("commit")
            #expect(try await organisations(store.claimed(workerB)).allSatisfy { $0 == "p" })
            #expect(try await fixture.database.count("select count(*) from turnup.lease where organisation = 'o'") == 3)
            await holder.close()
        }
    }

    @Test func `a killed worker's permits are free when its leases end, and whoever takes its runs over has none`()
        async throws
    {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow(calls: "s", limits: ["concurrent": 3, "per": "organisation"])
            try await enqueue(8, ["o"], in: store)
            let dead = try await store.claimed()
            #expect(dead.count == 3)
            #expect(try await store.commitOne(dead[0].intent()).isAccepted)
            try await fixture.pass(milliseconds: minute + 1000)
            // Its own intent does not come in over the limit either.
            #expect(try await store.commitOne(dead[1].intent()) == .noPermit)
            let runs = try await store.claimed(workerB)
            let taken = runs.filter { $0.service == "" }
            #expect(Set(taken.map(\.id)) == Set(dead.map(\.id)) && runs.count == 6)
            for run in taken where run.id != dead[0].id {
                #expect(try await store.commitOne(run.intent(), workerB) == .noPermit)
            }
            #expect(try await store.commitOne(taken[0].commit([.cancel], service: "s"), workerB).isAccepted)
            #expect(try await store.claimed(workerA).isEmpty)
        }
    }

    @Test func `the permit of a lease is for its own service; a second request to that one may follow with it`()
        async throws
    {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow(calls: "s", limits: ["concurrent": 1, "per": "organisation"])
            try await store.publishWorkflow("v", calls: "t", limits: ["concurrent": 1, "per": "organisation"])
            try await store.publishWorkflow("u", calls: "u")
            try await enqueue(2, ["o"], in: store)
            let run = try await store.claimOne()
            let attempt = newId()
            let first = try run.intent(of: attempt)
            #expect(try await store.commitOne(first).isAccepted)
            let second = newId()
            let next = try run.commit([.done(attempt), .started(second)], on: first.state, keepsLease: true)
            #expect(try await store.commitOne(next).isAccepted)
            let limited = try run.commit(
                [.done(second), .started(newId())], on: next.state, keepsLease: true, service: "t")
            #expect(try await store.commitOne(limited) == .noPermit)
            let free = try run.commit(
                [.done(second), .started(newId())], on: next.state, keepsLease: true, service: "u")
            #expect(try await store.claimed(workerB).isEmpty)
            #expect(try await store.commitOne(free).isAccepted)
            // Now the permit for s is another run's, without waiting for this lease's end.
            #expect(try await store.claimed(workerB).map(\.service) == ["s"])
        }
    }

    @Test func `a changed limit holds with the next claim, and breaks nothing off when it is lowered`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow(calls: "s", limits: ["concurrent": 2, "per": "organisation"])
            try await enqueue(30, ["o"], in: store)
            #expect(try await store.claimed().count == 2)
            #expect(try await store.claimed().isEmpty)
            // By a new version of the definition, then by the installation, the tighter of the two.
            try await store.publishWorkflow(version: 2, calls: "s", limits: ["concurrent": 5, "per": "organisation"])
            #expect(try await store.claimed().count == 3)
            #expect(try await store.claimed().isEmpty)
            func set(_ concurrent: Int?) async throws {
                try await store.setService(
                    ServiceRecord(name: "s", limits: ServiceLimits(concurrent: concurrent, per: .organisation)))
            }
            try await set(3)
            #expect(try await store.claimed().isEmpty)
            #expect(try await fixture.database.count("select count(*) from turnup.lease") == 5)
            try await set(nil)
            try await store.publishWorkflow(version: 3, calls: "s", limits: ["concurrent": 7, "per": "organisation"])
            #expect(try await store.claimed().count == 2)
            try await store.publishWorkflow(version: 4, calls: "s")
            #expect(try await store.claimed().count == 23)
        }
    }

    @Test
    func `a workflow whose limit of live runs is lifted lets all start that waited behind it, and old versions too`()
        async throws
    {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow(calls: "s", liveRuns: ["live_runs": 2, "per": "organisation"])
            // More than are let through at once.
            try await enqueue(150, ["o"], in: store)
            #expect(try await store.claimed().count == 2)
            #expect(try await store.claimed().isEmpty)
            try await store.publishWorkflow(version: 2, calls: "s")
            _ = try await store.enqueue(
                EnqueueRequest(
                    workflow: "w", organisation: "p", input: ["number": "1"], version: 1, actor: "person:test"))
            var started = 0
            for _ in 0..<20 where started < 149 {
                started += try await store.claimed(workerB, 200).count
                try await fixture.pass(milliseconds: 10)
            }
            #expect(started == 149)
        }
    }

    @Test(arguments: ["organisation", "all"])
    func `a workflow's limit of live runs lets so many start, counts held ones, and is freed by an end`(_ per: String)
        async throws
    {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow(calls: "s", liveRuns: ["live_runs": 2, "per": .string(per)])
            try await enqueue(5, ["o", "p"], in: store)
            let most = per == "all" ? 2 : 4
            let first = try await store.claimed()
            #expect(first.count == most && first.allSatisfy { $0.service == "s" })
            #expect(try await store.claimed(workerB).isEmpty)
            // A started run keeps its place while it waits, and while it is held.
            #expect(try await store.commitOne(first[0].commit([.entered("x")], due: minute, service: "s")).isAccepted)
            #expect(try await store.commitOne(first[1].commit([.held])).isAccepted)
            #expect(try await store.claimed(workerB).isEmpty)
            try await fixture.pass(milliseconds: minute / 2)
            #expect(try await store.commitOne(first[1].commit([NewEvent(.runSucceeded, [:])])) == .fenced)
            let ended = first[per == "all" ? 0 : 2]
            if per == "all" {
                try await fixture.pass(milliseconds: minute)
                let again = try await store.claimOne()
                #expect(again.id == ended.id)
                #expect(try await store.commitOne(again.commit([NewEvent(.runSucceeded, [:])])).isAccepted)
            } else {
                #expect(try await store.commitOne(ended.commit([NewEvent(.runSucceeded, [:])])).isAccepted)
            }
            #expect(try await store.claimed(workerB).count == 1)
            #expect(try await store.claimed(workerB).isEmpty)
            try await store.publishWorkflow(version: 2, calls: "s", liveRuns: ["live_runs": 3, "per": .string(per)])
            #expect(try await store.claimed(workerB).count == (per == "all" ? 1 : 2))
        }
    }
}
