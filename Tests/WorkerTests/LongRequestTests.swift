import EventStore
import Synchronization
import TestSupport
import Testing
import WorkerMachines
import WorkflowCore

@testable import Worker

/// Requests that take longer than a lease.
@Suite("Long requests", .timeLimit(.minutes(10)))
struct LongRequestTests {
    private static let leaseMilliseconds: Int64 = 1500

    /// A workshop whose platform answers the create when told; the gong says that it has come.
    private func workshop(_ link: SendingTests.Link) async throws -> Workshop {
        var workshop = try await Workshop { request in
            if request.path == "/create" {
                link.gong.strike()
                await link.second.wait()
            }
            return TinyServer.good(request)
        }
        workshop.configuration = WorkerConfiguration(
            name: "a", leaseMilliseconds: Self.leaseMilliseconds, pollMilliseconds: 20)
        link.connect(workshop)
        return workshop
    }

    private func expireTime(_ began: ContinuousClock.Instant) async {
        _ = await eventually { began.duration(to: .now) > .milliseconds(Self.leaseMilliseconds * 2) }
    }

    @Test
    func `a request that takes longer than the lease ends done on its first attempt, because its lease is renewed`()
        async throws
    {
        let link = SendingTests.Link()
        let workshop = try await workshop(link)
        let run = try await workshop.enqueue()
        try await workshop.withWorker {
            await link.gong.wait()
            let began = ContinuousClock.now
            #expect(await workshop.store.bell.eventually { workshop.store.count("renew") >= 3 })
            await expireTime(began)
            link.second.strike()
            try await workshop.reaches(.succeeded, run)
        }
        #expect(try await workshop.types(run) == Sample.wholeStory)
        #expect(workshop.sent("/create").count == 1)
    }

    @Test func `a refused renewal does not break the request off: its answer becomes evidence, with its key`()
        async throws
    {
        let link = SendingTests.Link()
        let workshop = try await workshop(link)
        workshop.store.set {
            $0.renew = { leases in for lease in leases { await link.healthy?.steal(lease.runId) } }
        }
        let run = try await workshop.enqueue()
        try await workshop.withWorker {
            await link.gong.wait()
            #expect(await workshop.store.bell.eventually { workshop.store.count("renew") >= 1 })
            link.second.strike()
            try #require(
                try await workshop.store.bell.eventually { try await !workshop.events(run, .attemptLate).isEmpty })
        }
        #expect(workshop.store.count("renew") == 1)
        let late = try #require(try await workshop.events(run, .attemptLate).first)
        #expect(late.body["outcome"] == "done" && late.body["sealed"]?.arrayValue?.count == 1)
        #expect(workshop.sent("/create").count == 1 && workshop.sent("/token").isEmpty)
    }

    @Test
    func
        `a database that is away for longer than the lease: the answer is written when it is back, nothing sent before`()
        async throws
    {
        let link = SendingTests.Link()
        let workshop = try await workshop(link)
        let run = try await workshop.enqueue()
        try await workshop.withWorker {
            await link.gong.wait()
            workshop.store.set { $0.isAway = true }
            let began = ContinuousClock.now
            #expect(await workshop.store.bell.eventually { workshop.store.count("refused") >= 2 })
            await expireTime(began)
            let commits = workshop.store.count("commit")
            link.second.strike()
            #expect(
                await workshop.store.bell.eventually { workshop.store.count("commit") > commits },
                "the answer is not in hand")
            let intents = workshop.store.batches.last?.flatMap(\.events).count { $0.type == .attemptStarted }
            #expect(intents == 0, "its lease may have ended, and it wants to send more")
            workshop.store.set { $0.isAway = false }
            try await workshop.reaches(.succeeded, run)
        }
        #expect(workshop.sent("/create").count == 1 && workshop.sent("/token").count == 1)
    }

    @Test func `renewals of several runs go as one call while another is under way`() async throws {
        let calls = Mutex<[Int]>([])
        let (gong, second) = (Gong(), Gong())
        let lent = try await LentDatabase()
        let store = FaultyStore(lent.store)
        store.set {
            $0.renew = { leases in
                calls.withLock { $0.append(leases.count) }
                gong.strike()
                await second.wait()
            }
        }
        let renewer = LeaseRenewer(store: store, logger: LogBook().logger)
        let nobodys = LeaseRenewal(
            runId: Identifier(high: 1, low: 1), token: Identifier(high: 1, low: 2), leaseMilliseconds: 1000)
        await withTaskGroup(of: Bool.self) { group in
            group.addTask { await renewer.renew(nobodys) == .refused }
            await gong.wait()
            for _ in 0..<3 { group.addTask { await renewer.renew(nobodys) == .refused } }
            let cancelled = Task { await renewer.renew(nobodys) }
            cancelled.cancel()
            #expect(await cancelled.value == .unknown, "an answer of the platform would wait for the database")
            #expect(await eventually { await renewer.waitingCount == 4 })
            second.strike()
            for await isRefused in group { #expect(isRefused) }
        }
        #expect(calls.withLock { $0 } == [1, 3])
    }
}
