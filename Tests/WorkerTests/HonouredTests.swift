import EventStore
import Glibc
import HTTPActions
import NIOCore
import NIOPosix
import Synchronization
import TestSupport
import Testing
import WorkflowCore

@testable import Worker

@Suite("The time of an idempotency value", .timeLimit(.minutes(15)))
struct HonouredTests {
    private static let canonical = """
        {"dsl":1,"workflow":"honoured","version":1,"key":"${input.number}","start":"requested",
         "input":{"number":{"type":"string"}},
         "services":{"wpp":{"timeout":"5s"}},
         "retries":{"again":{"delay":"10ms","jitter":"none","max_attempts":5}},
         "states":{
           "requested":{"call":{"request":"POST wpp:/create",
             "idempotency":{"header":"Idempotency-Key","honoured":"60s"}},
             "retry":[{"error":"http.500","policy":"again"}],"next":"active"},
           "active":{"end":"succeeded"},"failed":{"end":"failed"}}}
        """

    /// The first create is answered 500. The answer to the next claim is read when the store is so much further on.
    private func run(claimReadLateBySeconds seconds: Int, reaches status: RunStatus) async throws -> (
        workshop: Workshop, run: Identifier
    ) {
        let isFirst = OnlyOnce()
        var workshop = try await Workshop { request in
            isFirst.take() ? TinyServer.json("500 Internal Server Error", "{}") : TinyServer.good(request)
        }
        // Nobody takes the run over meanwhile.
        workshop.configuration = WorkerConfiguration(name: "a", leaseMilliseconds: 600_000, pollMilliseconds: 20)
        let (database, isAhead) = (workshop.lent.database, Gong())
        workshop.store.set {
            $0.claim = { answer in
                if !isFirst.isLeft, !answer.runs.isEmpty {
                    try await database.shiftClock(seconds: Double(seconds))
                    isAhead.strike()
                }
                return answer
            }
        }
        try await workshop.publish(Self.canonical, workflow: "honoured")
        let run = try await workshop.enqueue(workflow: "honoured")
        let found = workshop
        try await found.withWorker { try await found.reaches(status, run) }
        #expect(isAhead.isStruck, "the second claim was not seen")
        return (workshop, run)
    }

    @Test
    func `an answer to a claim that is read after the value's time: nothing is sent again, and a person is asked`()
        async throws
    {
        for _ in 0..<6 {
            let (workshop, run) = try await run(claimReadLateBySeconds: 70, reaches: .held)
            #expect(workshop.sent("/create").count == 1)
            #expect(try await workshop.events(run, .runHeld).first?.body["code"] == "unknown_outcome")
            // On a busy machine the run may be given back before its intent; then the next claim holds it at once.
            guard let unsent = try await workshop.events(run, .attemptNotDone).first else { continue }
            #expect(unsent.body["error"] == "key_too_old")
            #expect(unsent.body["counted"] == false)
            return
        }
        Issue.record("no intent was committed after the value's time")
    }

    @Test
    func `a connection that is made after the value's time: nothing is sent on it, and a person is asked`() async throws
    {
        let isFirst = OnlyOnce()
        var workshop = try await Workshop { request in
            isFirst.take() ? TinyServer.json("500 Internal Server Error", "{}") : TinyServer.good(request)
        }
        // Threads of its own: those of the process carry the requests of other tests.
        let threads = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        workshop.http.eventLoopGroup = threads
        let connections = Mutex(0)
        workshop.http.phaseReached = { phase in
            guard phase == .connected else { return }
            let number = connections.withLock { count in
                count += 1
                return count
            }
            // The second one stands still for longer than it may take to leave.
            if number == 2 { usleep(4_100_000) }
        }
        // Without a tenth and the time-out, 1.3 s are left for the second one.
        let canonical = Self.canonical.replacing("\"60s\"", with: "\"7s\"")
        try await workshop.publish(canonical, workflow: "honoured")
        let run = try await workshop.enqueue(workflow: "honoured")
        let found = workshop
        try await found.withWorker { try await found.reaches(.held, run) }
        try await threads.shutdownGracefully()
        #expect(connections.withLock { $0 } == 2)
        #expect(try await workshop.events(run, .attemptNotDone).first?.body["error"] == "too_late")
        #expect(workshop.sent("/create").count == 1)
        #expect(try await workshop.events(run, .runHeld).first?.body["code"] == "unknown_outcome")
    }

    @Test func `an answer to a claim that is read within the value's time: the create is sent again`() async throws {
        let (workshop, _) = try await run(claimReadLateBySeconds: 30, reaches: .succeeded)
        #expect(workshop.sent("/create").count == 2)
    }
}

private final class OnlyOnce: Sendable {
    private let left = Mutex(true)

    var isLeft: Bool { left.withLock { $0 } }

    func take() -> Bool {
        left.withLock { isLeft in
            defer { isLeft = false }
            return isLeft
        }
    }
}
