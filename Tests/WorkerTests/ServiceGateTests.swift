import EventStore
import Synchronization
import Testing
import WorkflowCore

@testable import Worker

@Suite("Service gate", .timeLimit(.minutes(1)))
struct ServiceGateTests {
    private static let long: Int64 = 30_000
    private let store: FaultyStore
    private let gate: ServiceGate
    private let time = Instant(microseconds: 1_767_225_600_000_000)

    init() async {
        let time = time
        store = FaultyStore(InMemoryStore { time })
        gate = ServiceGate(store: store, configuration: WorkerConfiguration(name: "a", concurrentRequests: 2))
        await store.healthy.setService(ServiceRecord(name: "wpp", baseURL: "http://set"))
    }

    private func enter(waiting milliseconds: Int64 = 0, declared: String? = nil, after later: Int64 = 0) async throws
        -> ServiceGate.Entry
    {
        try await gate.enter(
            "wpp", declaredBaseURL: declared, now: time.advanced(byMilliseconds: later), waitMilliseconds: milliseconds)
    }

    /// Starts to wait for a place, and returns once it stands in line.
    private func standInLine(_ order: Tally, _ number: Int) async throws -> Task<ServiceGate.Entry, any Error> {
        let before = await gate.waitingCount("wpp")
        let task = Task {
            let entry = try await enter(waiting: Self.long)
            order.add(number)
            return entry
        }
        try #require(await eventually { await gate.waitingCount("wpp") == before + 1 })
        return task
    }

    @Test("There are as many places as configured; who comes then waits, in order, and each leave admits one")
    func places() async throws {
        #expect(try await enter().isOpen)
        #expect(try await enter().isOpen)
        let order = Tally()
        var line: [Task<ServiceGate.Entry, any Error>] = []
        for number in 1...3 { line.append(try await standInLine(order, number)) }
        // A newcomer does not overtake, even at the moment a place becomes free.
        await gate.leave("wpp")
        #expect(try await enter() == .busy)
        #expect(try await line[0].value.isOpen)
        await gate.leave("wpp")
        #expect(try await line[1].value.isOpen)
        await gate.leave("wpp")
        #expect(try await line[2].value.isOpen)
        #expect(order.numbers == [1, 2, 3])
        #expect(await gate.insideCount("wpp") == 2)
    }

    @Test("Who finds no place in time is told that it is busy, and takes none later")
    func busy() async throws {
        _ = try await (enter(), enter())
        #expect(try await enter(waiting: 20) == .busy)
        await gate.leave("wpp")
        #expect(await gate.insideCount("wpp") == 1)
        #expect(try await enter().isOpen)
    }

    @Test("A pause is seen by those who wait and by those who come")
    func pause() async throws {
        _ = try await (enter(), enter())
        let waiting = try await standInLine(Tally(), 1)
        try await gate.pause("wpp", retryAfterMilliseconds: 7000, reason: "unreachable")
        guard case .paused(let left) = try await waiting.value else {
            Issue.record("it went in")
            return
        }
        #expect((1...7001).contains(left))
        #expect(try await enter() == .paused(milliseconds: 7001))
    }

    @Test("After a failure there is one place; an answer gives the others back")
    func recovery() async throws {
        #expect(try await enter().isOpen)
        try await gate.pause("wpp", retryAfterMilliseconds: nil, reason: "unreachable")
        await gate.leave("wpp")
        #expect(try await enter(after: 2000).isOpen)
        #expect(try await enter(after: 2000) == .busy)
        try await gate.succeeded("wpp", sentAt: .now)
        #expect(try await enter(after: 2000).isOpen)
        #expect(store.count("resumeService") == 1)
        #expect(await store.healthy.service("wpp")?.consecutiveFailures == 0)
    }

    @Test("An answer to a request from before the pause does not lift it")
    func lateSuccess() async throws {
        _ = try await (enter(), enter())
        let sentAt = ContinuousClock.now
        try await gate.pause("wpp", retryAfterMilliseconds: 60_000, reason: "rate_limited")
        try await gate.succeeded("wpp", sentAt: sentAt)
        #expect(store.count("resumeService") == 0)
        #expect(try await enter() == .paused(milliseconds: 60_001))
    }

    @Test("Requests that fail together are one failure of the service, not many")
    func burst() async throws {
        _ = try await (enter(), enter())
        await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<30 {
                group.addTask { try await gate.pause("wpp", retryAfterMilliseconds: nil, reason: "unreachable") }
            }
        }
        #expect(store.count("pauseService") == 1)
        #expect(await store.healthy.service("wpp")?.consecutiveFailures == 1)
        // A platform that asks for more than that is heard.
        try await gate.pause("wpp", retryAfterMilliseconds: 50_000, reason: "rate_limited")
        #expect(try await enter() == .paused(milliseconds: 50_001))
    }

    @Test("Draining wakes all who wait, and admits nobody")
    func drain() async throws {
        _ = try await (enter(), enter())
        var line: [Task<ServiceGate.Entry, any Error>] = []
        for number in 1...3 { line.append(try await standInLine(Tally(), number)) }
        await gate.drain()
        for waiting in line { #expect(try await waiting.value == .draining) }
        await gate.leave("wpp")
        #expect(try await enter() == .draining)
        #expect(await gate.insideCount("wpp") == 1)
    }

    @Test("A place handed to somebody who cannot use it goes to the next")
    func handedOn() async throws {
        _ = try await (enter(), enter())
        let order = Tally()
        let first = try await standInLine(order, 1)
        let second = try await standInLine(order, 2)
        let reads = Mutex(0)
        store.set {
            $0.service = {
                let number = reads.withLock { count in
                    count += 1
                    return count
                }
                if number == 1 { throw StoreError(.unavailable, "the database is away") }
            }
        }
        await gate.forget("wpp")
        await gate.leave("wpp")
        await #expect(throws: StoreError.self) { try await first.value }
        #expect(try await second.value.isOpen)
        #expect(reads.withLock { $0 } >= 1)
        #expect(await gate.insideCount("wpp") == 2)
    }

    @Test("The definition's base URL wins over the installation's, and one of them is needed")
    func baseURL() async throws {
        guard case .open(let set) = try await enter(),
            case .open(let declared) = try await enter(declared: "http://declared")
        else {
            Issue.record("not open")
            return
        }
        #expect(set.baseURL == "http://set")
        #expect(declared.baseURL == "http://declared")
        let nowhere = try await gate.enter("other", declaredBaseURL: nil, now: time, waitMilliseconds: 0)
        #expect(nowhere == .noBaseURL)
        #expect(await gate.insideCount("other") == 0)
        // Set a moment later: what was missing is not remembered, because the run was woken for it.
        await store.healthy.setService(ServiceRecord(name: "other", baseURL: "http://new"))
        #expect(try await gate.enter("other", declaredBaseURL: nil, now: time, waitMilliseconds: 0).isOpen)
    }

    @Test("A service's row is read once for many who come together")
    func oneRead() async throws {
        _ = try await enter()
        await gate.leave("wpp")
        await gate.forget("wpp")
        let before = store.count("service")
        await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<50 {
                group.addTask {
                    if try await enter(waiting: Self.long).isOpen { await gate.leave("wpp") }
                }
            }
        }
        #expect(store.count("service") == before + 1)
        #expect(await gate.insideCount("wpp") == 0)
    }
}

extension ServiceGate.Entry {
    fileprivate var isOpen: Bool { if case .open = self { true } else { false } }
}
