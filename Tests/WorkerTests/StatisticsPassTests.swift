import Diagnostics
import EventStore
import Postgres
import Synchronization
import TestSupport
import Testing
import WorkflowCore

@testable import Worker

/// What has ended is read into the statistics beside the runs' own commits, and equals the log.
@Suite struct StatisticsPassTests {
    /// The first `refusals` tokens are refused.
    private func workshop(refusals: Int = 0) async throws -> Workshop {
        let left = Mutex(refusals)
        let shop = try await Workshop { request in
            guard request.path == "/token" else { return TinyServer.good(request) }
            let isRefused = left.withLock { left in
                left -= 1
                return left >= 0
            }
            return isRefused
                ? TinyServer.json("403 Forbidden", #"{"error":"Invalid API key"}"#) : TinyServer.good(request)
        }
        try await shop.publish(Self.patient, workflow: "patient")
        return shop
    }

    /// The sample, whose token is asked for again soon.
    private static let patient = """
        {"dsl":1,"workflow":"patient","version":1,"key":"${input.number}","start":"requested",
         "input":{"number":{"type":"string"}},
         "data":{"session":{"type":"string"},"api_key":{"type":"string","secret":true},
           "token":{"type":"string","secret":true}},
         "services":{"wpp":{"timeout":"5s"}},
         "retries":{"soon":{"delay":"1ms","backoff":1,"jitter":"none","max_attempts":5}},
         "states":{
           "requested":{"call":{"request":"POST wpp:/create","body":{"organizationId":"${run.organisation}"},
             "save":{"session":"${response.body.session}","api_key":"${response.body.apiKey}"}},"next":"token-pending"},
           "token-pending":{"call":{"request":"POST wpp:/token","body":{"apiKey":"${data.api_key}"},
             "repeatable":true,"save":{"token":"${response.body.token}"}},
             "retry":[{"error":"http.403","policy":"soon"}],"next":"active"},
           "active":{"end":"succeeded"},"failed":{"end":"failed"}}}
        """

    private func pass(_ shop: Workshop) -> StatisticsPass {
        StatisticsPass(
            store: shop.store.healthy, actor: "worker:s", intervalMilliseconds: 100, logger: shop.log.logger)
    }

    private func flags(_ shop: Workshop) async throws -> Int64 {
        try await shop.lent.database.pool.query("select count(*) from turnup.run where news is not null").onlyRow()
            .int(0)
    }

    @Test func `an end is read once, with the key's refusals and its yes, and equals the log`() async throws {
        let shop = try await workshop(refusals: 2)
        let run = try await shop.enqueue(workflow: "patient")
        #expect(await pass(shop).look() == 0, "a run that was only enqueued shows nothing")
        try await shop.withWorker { try await shop.reaches(.succeeded, run) }
        #expect(try await flags(shop) == 1, "the commit of the end asks for it")
        #expect(await pass(shop).look() == 1)
        #expect(try await flags(shop) == 0)
        #expect(await pass(shop).look() == 0)
        let record = try #require(try await shop.store.healthy.fleetRecords(of: [run])[run])
        let events = try await shop.store.healthy.events(of: run, after: 0)
        let refusals = events.filter { $0.type == "attempt.not_done" }
        #expect(record.key?.refusedBefore == refusals.last?.recordedAt && refusals.count == 2 && record.retries == 2)
        #expect(record.key?.firstYes == events.last { $0.type == "attempt.done" }?.recordedAt)
        #expect(record.errors.map(\.error) == ["403 http.403"] && record.errors.first?.count == 2)
        #expect(try await FleetCheck(store: shop.store.healthy).run(writes: false).differing == 0)
    }

    @Test func `an end is diagnosed after it, once, however many passes look, and again after another end`()
        async throws
    {
        let shop = try await workshop(refusals: 5)
        let run = try await shop.enqueue(workflow: "patient")
        try await shop.withWorker { try await shop.reaches(.failed, run) }
        #expect(try await shop.events(run, .runDiagnosed).isEmpty)
        let passes = (0..<4).map { _ in pass(shop) }
        await withTaskGroup { group in
            for pass in passes { group.addTask { await pass.look() } }
        }
        let first = try await shop.events(run, .runDiagnosed)
        #expect(first.count == 1 && first[0].actor == "worker:s" && first[0].body["sentence"]?.stringValue != nil)
        let record = try #require(try await shop.store.healthy.fleetRecords(of: [run])[run])
        #expect(record.verdict == first[0].body["verdict"]?.stringValue && record.seq == first[0].seq)
        // The fold takes it, and so does the check that shares nothing with it.
        #expect(try await shop.store.healthy.fold(run)?.isDiagnosed == true)
        let state = try #require(try await shop.store.healthy.fold(run))
        let reopened = NewEvent(.runReopened, ["reason": "a test", "state": .string("token-pending")])
        let after = try evolve(
            state, run: run,
            RecordedEvent(
                seq: state.seq + 1, type: reopened.type.rawValue, body: reopened.body, epoch: 0, attemptId: nil,
                actor: "person:test", recordedAt: .ofThisCommit))
        _ = try await shop.store.healthy.append(
            AppendRequest(
                runId: run, expectedSeq: state.seq, event: reopened, actor: "person:test", stateAfter: after))
        try await shop.withWorker { try await shop.reaches(.succeeded, run) }
        await pass(shop).look()
        let both = try await shop.events(run, .runDiagnosed)
        #expect(both.count == 2 && both[1].body["verdict"] == "activation_delay")
        #expect(try await FleetCheck(store: shop.store.healthy).run(writes: false).differing == 0)
        let found = Mutex<[Violation]>([])
        _ = try await Verifier(store: shop.store.healthy).verify(.everything) { violation in
            found.withLock { $0.append(violation) }
        }
        #expect(found.withLock { $0 }.isEmpty)
    }

    @Test func `a pass that died before its commit leaves the end to the next one`() async throws {
        let shop = try await workshop()
        let run = try await shop.enqueue(workflow: "patient")
        try await shop.withWorker { try await shop.reaches(.succeeded, run) }
        // The record's transaction is taken back, as when the worker's connection breaks.
        try await shop.lent.database.tamper(
            "alter table turnup.fleet add constraint dies check (service is null) not valid")
        #expect(await pass(shop).look() == 0)
        #expect(try await shop.events(run, .runDiagnosed).isEmpty && shop.log.count("could not be kept") == 1)
        try await shop.lent.database.tamper("alter table turnup.fleet drop constraint dies")
        #expect(await pass(shop).look() == 1)
        #expect(try await shop.events(run, .runDiagnosed).count == 1)
    }

    @Test func `a row that differs from the log, or is missing, is found and written anew`() async throws {
        let shop = try await workshop(refusals: 1)
        let runs = [
            try await shop.enqueue("1", workflow: "patient"), try await shop.enqueue("2", workflow: "patient"),
            try await shop.enqueue("3", workflow: "patient"),
        ]
        try await shop.withWorker { for run in runs { try await shop.reaches(.succeeded, run) } }
        await pass(shop).look()
        try await shop.lent.database.tamper(
            """
            update turnup.fleet set first_yes_at = first_yes_at + interval '1 hour' where run_id = '\(runs[0])';
            delete from turnup.fleet where run_id = '\(runs[1])';
            insert into turnup.fleet_error values ('\(runs[2])', 'wpp', '2020-01-01', 'made up', 1);
            """)
        let check = FleetCheck(store: shop.store.healthy, pageRuns: 2)
        let found = Mutex<Set<Identifier>>([])
        let tally = try await check.run(writes: false) { difference in
            found.withLock { _ = $0.insert(difference.run) }
        }
        #expect(found.withLock { $0 } == Set(runs) && tally.runs == 3)
        #expect(try await check.run(writes: true).differing == 3)
        #expect(try await check.run(writes: false).differing == 0)
    }

    @Test func `what happened after the run was read is read again, and a row is never older than the log`()
        async throws
    {
        let shop = try await workshop()
        let run = try await shop.enqueue(workflow: "patient")
        try await shop.withWorker { try await shop.reaches(.succeeded, run) }
        let store = shop.store.healthy
        let history = try #require(try await store.runsWithNews(after: nil, limit: 10).first)
        _ = try await store.append(
            AppendRequest(
                runId: run, expectedSeq: nil,
                event: NewEvent(.cancelRequested, ["reason": "too late"]), actor: "person:test"))
        #expect(try await store.record([FleetRecord(history)]) == [run: .behind])
        #expect(try await flags(shop) == 1)
        #expect(await pass(shop).look() == 1)
        #expect(try await store.record([FleetRecord(history)]) == [run: .behind])
    }

    @Test func `a service's statistics tell first from later keys, errors, and keys that were given twice`()
        async throws
    {
        let shop = try await workshop(refusals: 3)
        for number in ["1", "2", "3"] {
            let run = try await shop.enqueue(number, workflow: "patient")
            try await shop.withWorker { try await shop.reaches(.succeeded, run) }
        }
        await pass(shop).look()
        let found = try await shop.store.healthy.statistics(service: "wpp")
        #expect(
            found.ordinals.map { [$0.isLater ? 1 : 0, $0.keys, $0.accepted, $0.late, $0.refused] } == [
                [0, 1, 1, 1, 0], [1, 2, 2, 0, 0],
            ])
        #expect(found.errors.map(\.error) == ["403 http.403"] && found.errors.first?.count == 3)
        // The tiny server gives every run the same key.
        #expect(found.repeatedKeyCount == 1 && found.repeatedKeys.first?.runs == 3)
        #expect(found.ages.count == 3 && found.ages.allSatisfy(\.isActive))
        #expect(try await shop.store.healthy.statistics(service: "nothing").ordinals.isEmpty)
    }
}
