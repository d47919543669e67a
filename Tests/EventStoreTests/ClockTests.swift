import EventStore
import Postgres
import TestSupport
import Testing
import WorkflowCore

@Suite struct ClockTests {
    @Test func `the clock moves only in a database that is marked as a test's`() async throws {
        try await TestDatabase.withDatabase { database in
            let plain = try await database.store.now()
            let server = try await database.count(
                "select (extract(epoch from clock_timestamp()) * 1000000)::bigint")
            #expect(abs(server - plain.microseconds) < 60_000_000)
            try await database.shiftClock(seconds: 86_400)
            #expect(try await database.store.now().milliseconds(since: plain) >= 86_400_000)
            _ = try await database.pool.query("delete from turnup.test_clock")
            #expect(try await database.store.now().milliseconds(since: plain) < 86_400_000)
        }
    }

    static let times: [Int64] = [
        0, 1, 999_999, 1_000_001, 1_767_225_600_123_457, 1_767_225_599_999_999, 4_102_444_800_000_003,
    ]

    @Test(arguments: times)
    func `microseconds go in and come out exactly`(_ microseconds: Int64) async throws {
        try await TestDatabase.withDatabase { database in
            try await database.store.publishWorkflow()
            let due = Instant(microseconds: microseconds)
            let id = try await database.store.enqueueRun(due: due)
            #expect(try await database.store.run(id)?.task?.due == due)
            let claim = try await database.pool.query(
                "select turnup.microseconds(timestamptz 'epoch' + $1::bigint * interval '1 microsecond') as same",
                [.int(microseconds)])
            #expect(try claim.onlyRow().int("same") == microseconds)
        }
    }

    @Test(arguments: ["infinity", "-infinity", "294276-12-31"])
    func `a due time beyond all calendars is refused, so that it cannot break the queue`(
        _ due: String
    ) async throws {
        try await TestDatabase.withDatabase { database in
            try await database.store.publishWorkflow()
            let error = await #expect(throws: PostgresError.self) {
                try await database.pool.query(
                    "select turnup.enqueue('w', 'o', '{\"number\":\"1\"}', due => $1::timestamptz)", [.text(due)])
            }
            #expect(error?.sqlState == "TU002")
            #expect(try await database.count("select count(*) from turnup.task") == 0)
        }
    }
}
