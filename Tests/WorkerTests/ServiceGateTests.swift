import EventStore
import Synchronization
import TestSupport
import Testing
import WorkflowCore

@testable import Worker

@Suite("Service gate", .timeLimit(.minutes(5)))
struct ServiceGateTests {
    private static let long: Int64 = 30_000
    private let store: FaultyStore
    private let gate: ServiceGate
    private let time = Instant(microseconds: 1_767_225_600_000_000)

    private let clock: ManualClock

    init() async {
        let clock = ManualClock(microseconds: time.microseconds)
        self.clock = clock
        store = FaultyStore(InMemoryStore { clock.now })
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

    @Test("Who finds no place in time goes back to the queue, and takes none later")
    func crowded() async throws {
        _ = try await (enter(), enter())
        guard case .crowded(let milliseconds) = try await enter(waiting: 20) else {
            Issue.record("it was let in")
            return
        }
        #expect((500...30_500).contains(milliseconds))
        await gate.leave("wpp")
        #expect(await gate.insideCount("wpp") == 1)
        #expect(try await enter().isOpen)
    }

    @Test("The line at one service is short; who finds it full is called from the queue when places become free")
    func line() async throws {
        let bell = Bell()
        let gate = ServiceGate(
            store: store, configuration: WorkerConfiguration(name: "a", concurrentRuns: 8, concurrentRequests: 2),
            bell: bell)
        func enter(waiting milliseconds: Int64 = 0) async throws -> ServiceGate.Entry {
            try await gate.enter("wpp", declaredBaseURL: nil, now: time, waitMilliseconds: milliseconds)
        }
        _ = try await (enter(), enter())
        let line = (0..<2).map { _ in Task { try await enter(waiting: Self.long) } }
        try #require(await eventually { await gate.waitingCount("wpp") == 2 })
        // Half of the eight are at this service now.
        guard case .crowded = try await enter(waiting: Self.long) else {
            Issue.record("it stands in line")
            return
        }
        #expect(store.count("wakeBusy") == 0)
        await gate.leave("wpp")
        await gate.leave("wpp")
        for waiting in line { #expect(try await waiting.value.isOpen) }
        #expect(await eventually { store.count("wakeBusy") == 1 })
        // Nobody was found in the queue, so nobody is called again.
        await gate.leave("wpp")
        #expect(store.count("wakeBusy") == 1)
    }

    private func down(_ asked: Int64 = 0, _ place: ServiceGate.Place? = nil) async throws {
        try await gate.note(
            .down(reason: "unreachable", askedMilliseconds: asked), "wpp", place ?? .init(record: .init(name: "wpp")))
    }

    @Test("A pause is seen by those who wait and by those who come")
    func pause() async throws {
        _ = try await (enter(), enter())
        let waiting = try await standInLine(Tally(), 1)
        try await down(7000)
        guard case .paused(let left) = try await waiting.value else {
            Issue.record("it went in")
            return
        }
        #expect((1...7001).contains(left))
        #expect(try await enter() == .paused(milliseconds: 7001))
    }

    @Test("After a pause one request finds out; its failure makes a longer pause, its answer opens the gate slowly")
    func canary() async throws {
        let first = try #require(try await enter().place)
        try await down(0, first)
        await gate.leave("wpp", first)
        clock.advance(milliseconds: 1000)
        let canary = try #require(try await enter(after: 1000).place)
        #expect(canary.canary == 1)
        guard case .paused = try await enter(after: 1000) else {
            Issue.record("a second one was let in")
            return
        }
        try await down(0, canary)
        await gate.leave("wpp", canary)
        #expect(await store.healthy.service("wpp")?.breaker.consecutiveFailures == 2)
        #expect(try await enter(after: 2000) == .paused(milliseconds: 1001))
        clock.advance(milliseconds: 2000)
        let next = try #require(try await enter(after: 3000).place)
        #expect(next.canary == 2)
        #expect(try await gate.note(.answered, "wpp", next) == .closed)
        await gate.leave("wpp", next)
        #expect(await store.healthy.service("wpp")?.breaker == Breaker())
        let (one, two) = try await (enter(after: 3000), enter(after: 3000))
        #expect(one.place?.canary == nil && one.isOpen && two.isOpen)
        #expect(store.count("returnCanary") == 0)
    }

    @Test("After an outage two requests go at once, then one more for each answer")
    func slowStart() async throws {
        await store.healthy.setService(
            ServiceRecord(name: "wpp", baseURL: "http://set", concurrentRequests: 8))
        _ = try await enter()
        try await down()
        await gate.leave("wpp")
        clock.advance(milliseconds: 1000)
        let canary = try #require(try await enter(after: 1000).place)
        try await gate.note(.answered, "wpp", canary)
        await gate.leave("wpp", canary)
        let place = try #require(try await enter(after: 1000).place)
        #expect(try await enter(after: 1000).isOpen)
        #expect(try await enter(after: 1000) == .busy)
        try await gate.note(.answered, "wpp", place)
        #expect(try await enter(after: 1000).isOpen)
        #expect(try await enter(after: 1000) == .busy)
    }

    @Test("A canary that is not sent is given back, and another run takes it")
    func canaryNotSent() async throws {
        _ = try await enter()
        try await down()
        await gate.leave("wpp")
        clock.advance(milliseconds: 1000)
        let canary = try #require(try await enter(after: 1000).place)
        await gate.leave("wpp", canary)
        #expect(store.count("returnCanary") == 1)
        #expect(try await enter(after: 1000).place?.canary == 2)
        // The late answer of the first one lifts nothing.
        #expect(try await gate.note(.answered, "wpp", canary) == nil)
        #expect(await store.healthy.service("wpp")?.breaker.consecutiveFailures == 1)
    }

    @Test("An answer to a request from before the pause does not lift it")
    func lateSuccess() async throws {
        let place = try #require(try await enter().place)
        try await down(60_000)
        #expect(try await gate.note(.answered, "wpp", place) == nil)
        #expect(store.count("serviceAnswered") == 0)
        #expect(try await enter() == .paused(milliseconds: 60_001))
    }

    @Test("Requests that fail together are one failure of the service, not many")
    func burst() async throws {
        _ = try await (enter(), enter())
        await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<30 { group.addTask { try await down() } }
        }
        #expect(store.count("serviceFailed") == 1)
        #expect(await store.healthy.service("wpp")?.breaker.consecutiveFailures == 1)
        // A platform that asks for more than that is heard.
        try await down(50_000)
        #expect(try await enter() == .paused(milliseconds: 50_001))
        #expect(await store.healthy.service("wpp")?.breaker.consecutiveFailures == 1)
    }

    @Test("Five requests in a row without an answer are an outage; an answer between them begins the count anew")
    func silence() async throws {
        let place = try #require(try await enter().place)
        func silent() async throws {
            try await gate.note(.silent(reason: "timeout", askedMilliseconds: 0), "wpp", place)
        }
        for _ in 0..<4 { try await silent() }
        try await gate.note(.answered, "wpp", place)
        for _ in 0..<4 { try await silent() }
        #expect(try await enter().isOpen)
        try await silent()
        #expect(try await enter() == .paused(milliseconds: 1001))
        #expect(await store.healthy.service("wpp")?.breaker.pauseReason == "timeout")
    }

    @Test(
        "What a result says of the service",
        arguments: [
            (nil, "unreachable", false, .down(reason: "unreachable", askedMilliseconds: 0)),
            (429, "http.429", false, .down(reason: "http.429", askedMilliseconds: 0)),
            (503, "http.503", true, .silent(reason: "http.503", askedMilliseconds: 0)),
            (nil, "timeout", true, .silent(reason: "timeout", askedMilliseconds: 0)),
            (nil, "connection_lost", true, .silent(reason: "connection_lost", askedMilliseconds: 0)),
            (500, "http.500", true, .answered), (403, "http.403", true, .answered),
            (502, "http.502", true, .silent(reason: "http.502", askedMilliseconds: 0)),
            (504, "http.504", true, .silent(reason: "http.504", askedMilliseconds: 0)),
            (nil, "address_refused", false, .down(reason: "address_refused", askedMilliseconds: 0)),
            (nil, "lease_too_short", false, .nothing), (nil, "canary_too_late", false, .nothing),
            (nil, "too_late", false, .nothing),
        ] as [(Int?, String, Bool, ServiceFinding)])
    func findings(_ status: Int?, _ error: String, _ isCounted: Bool, _ finding: ServiceFinding) {
        let result = AttemptResult(outcome: .notDone, error: error, status: status, isCounted: isCounted)
        #expect(ServiceFinding(result) == finding)
    }

    @Test(
        "What an answer asks for is heard with a 429 and a 503, and is never less than nothing or more than any wait",
        arguments: [
            (7000, 7000), (-5, 0), (Int64.min, 0), (Int64.max, RetryArithmetic.longestMilliseconds),
        ] as [(Int64, Int64)])
    func asked(_ given: Int64, _ heard: Int64) {
        func finding(_ status: Int) -> ServiceFinding {
            ServiceFinding(
                AttemptResult(
                    outcome: .notDone, error: "x", status: status, isCounted: false, retryAfterMilliseconds: given))
        }
        #expect(finding(429) == .down(reason: "x", askedMilliseconds: heard))
        #expect(finding(503) == .silent(reason: "x", askedMilliseconds: heard))
    }

    @Test("Of many runs that come when a pause is over, one asks to be the canary; the others do not ask")
    func oneAsks() async throws {
        _ = try await enter()
        try await down()
        await gate.leave("wpp")
        clock.advance(milliseconds: 1000)
        let gong = Gong()
        store.set { $0.beforeCanary = { await gong.wait() } }
        let first = Task { try await enter(after: 1000) }
        #expect(await eventually { store.count("takeCanary") == 1 })
        let second = Task { try await enter(after: 1000) }
        // It is turned away at once, or else asks as well.
        let hasAnswer = Task {
            let entry = try await second.value
            gong.strike()
            return entry
        }
        #expect(await eventually { gong.isStruck || store.count("takeCanary") > 1 })
        gong.strike()
        #expect(try await hasAnswer.value == .paused(milliseconds: 1000))
        #expect(try await first.value.place?.canary == 1)
        #expect(store.count("takeCanary") == 1)
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
        #expect(set.record.baseURL == "http://set")
        #expect(declared.record.baseURL == "http://declared")
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
    fileprivate var place: ServiceGate.Place? { if case .open(let place) = self { place } else { nil } }
    fileprivate var isOpen: Bool { place != nil }
}
