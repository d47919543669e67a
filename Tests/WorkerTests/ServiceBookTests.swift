import EventStore
import TestSupport
import Testing
import WorkflowCore

@testable import Worker

@Suite("Service book", .timeLimit(.minutes(15)))
struct ServiceBookTests {
    @Test func `a service's row is read once for many who come together, and is trusted for a second`() async throws {
        let lent = try await LentDatabase()
        let store = FaultyStore(lent.store)
        let book = ServiceBook(store: store)
        try await lent.store.setService(ServiceRecord(name: "wpp", baseURL: "http://set"))
        let gate = Gong()
        store.set { $0.service = { await gate.wait() } }
        let urls = try await withThrowingTaskGroup(of: String?.self) { group in
            for _ in 0..<50 { group.addTask { try await book.record("wpp", needsBaseURL: true).baseURL } }
            #expect(await store.bell.eventually { store.count("service") == 1 })
            gate.strike()
            return try await group.reduce(into: [String?]()) { $0.append($1) }
        }
        #expect(urls == Array(repeating: "http://set", count: 50))
        #expect(store.count("service") == 1)
        try await lent.store.setService(ServiceRecord(name: "wpp", baseURL: "http://moved"))
        #expect(try await eventually { try await book.record("wpp", needsBaseURL: true).baseURL == "http://moved" })
    }

    @Test
    func `a base URL that is missing is not taken from memory, and one that nobody needs may be missing`() async throws
    {
        let lent = try await LentDatabase()
        let store = FaultyStore(lent.store)
        let book = ServiceBook(store: store)
        #expect(try await book.record("new", needsBaseURL: false) == ServiceRecord(name: "new"))
        #expect(try await book.record("new", needsBaseURL: false).baseURL == nil)
        #expect(store.count("service") == 1)
        try await lent.store.setService(ServiceRecord(name: "new", baseURL: "http://new"))
        #expect(try await book.record("new", needsBaseURL: true).baseURL == "http://new")
    }

    @Test func `an error of a look is told to those who wait for it, and the next one looks again`() async throws {
        let lent = try await LentDatabase()
        let store = FaultyStore(lent.store)
        let book = ServiceBook(store: store)
        store.set { $0.isAway = true }
        await #expect(throws: StoreError.self) { try await book.record("wpp", needsBaseURL: false) }
        store.set { $0.isAway = false }
        #expect(try await book.record("wpp", needsBaseURL: false).name == "wpp")
    }
}

@Suite("Service finding")
struct ServiceFindingTests {
    @Test(
        arguments: [
            (nil, "unreachable", false, .failed), (nil, "address_refused", false, .failed),
            (nil, "timeout", true, .failed), (nil, "connection_lost", true, .failed),
            (200, "connection_lost", true, .failed), (nil, "bad_answer", true, .failed),
            (500, "http.500", true, .failed), (503, "http.503", true, .failed),
            (503, "busy", true, .answered), (403, "key_not_active", true, .answered),
            (429, "http.429", false, .limited), (429, "slow_down", false, .limited),
            (400, "http.400", true, .unclear), (302, "http.302", true, .unclear), (200, "bad_answer", true, .unclear),
            (nil, "lease_too_short", false, nil), (nil, "key_too_old", false, nil), (nil, "too_late", false, nil),
            (200, "cancelled", true, nil), (nil, "not_yet", true, nil),
        ] as [(Int?, String, Bool, ServiceReport.Finding?)])
    func `what a result says of the service`(
        _ status: Int?, _ error: String, _ isCounted: Bool, _ finding: ServiceReport.Finding?
    ) {
        let result = AttemptResult(outcome: .notDone, error: error, status: status, isCounted: isCounted)
        let report = ServiceReport(result, service: "wpp", firstPauseMilliseconds: 250)
        #expect(report?.finding == finding)
        if let report {
            #expect(report.service == "wpp" && report.reason == error && report.pauseMilliseconds == 250)
        }
    }

    @Test func `a success says that the service works`() {
        let result = AttemptResult(outcome: .done, status: 201)
        #expect(ServiceReport(result, service: "wpp", firstPauseMilliseconds: nil)?.finding == .answered)
    }

    @Test(
        arguments: [
            (7000, 7000), (-5, 0), (Int64.min, 0), (Int64.max, RetryArithmetic.longestMilliseconds),
        ] as [(Int64, Int64)])
    func `what an answer asks for is never less than nothing or more than any wait`(_ given: Int64, _ heard: Int64) {
        for status in [429, 503] {
            let result = AttemptResult(
                outcome: .notDone, error: "x", status: status, isCounted: false, retryAfterMilliseconds: given)
            #expect(ServiceReport(result, service: "s", firstPauseMilliseconds: nil)?.askedMilliseconds == heard)
        }
    }
}
