import Postgres
import WorkflowCore

/// Which page of runs a verification looks at next.
struct VerifyPageRequest: Sendable {
    var after: Identifier?
    /// The most runs of a page, and the most events.
    var runs: Int64 = 500
    var events: Int64 = 20_000
    var workflow: String?
    /// Changed at this time or later, or live.
    var since: Instant?
    /// What was requested later is left out.
    var until: Instant?

    /// A page that takes longer keeps VACUUM from removing too much.
    private static let slow: Duration = .seconds(1)

    /// The page after one, smaller when that took long.
    func next(after last: Identifier, took: Duration, atMost most: Int64) -> VerifyPageRequest {
        var next = self
        next.after = last
        if took > Self.slow {
            next.events = max(1, events / 2)
        } else if took < Self.slow / 4 {
            next.events = min(most, events * 2)
        }
        return next
    }

    func read(_ connection: isolated PostgresConnection) throws -> [SizedRun] {
        try connection.querySync(
            """
            select run_id, events from turnup.verify_page(
              $1::uuid, $2::integer, $3::bigint, $4, timestamptz 'epoch' + $5::bigint * interval '1 microsecond',
              timestamptz 'epoch' + $6::bigint * interval '1 microsecond')
            """,
            [
                .optional(after.map { PostgresUUID($0) }), .int(min(runs, Int64(Int32.max))), .int(events),
                .optional(workflow), .optional(since?.microseconds), .optional(until?.microseconds),
            ], readOnly: true, label: "verify: next runs"
        ).map { try SizedRun(row: $0) }
    }

    static func sampled(recent: Int, random: Int, _ connection: isolated PostgresConnection) throws -> [Identifier] {
        func counted(_ count: Int) -> PostgresValue { .int(Int64(min(max(0, count), 1_000_000))) }
        return try connection.querySync(
            "select run_id from turnup.verify_sample($1::integer, $2::integer)", [counted(recent), counted(random)],
            readOnly: true, label: "verify: sample"
        ).map { try $0.identifier("run_id") }
    }
}

/// A run of a page, and how many events its rows say that it has.
struct SizedRun: Sendable {
    let id: Identifier
    let events: Int64
    /// False: the run lies within the page but was not asked for.
    let isWanted: Bool

    init(row: PostgresRow) throws {
        id = try row.identifier("run_id")
        let counted = try row.intOrNil("events")
        isWanted = counted != nil
        // A damaged row may say anything; sums of some thousands must not overflow.
        events = min(max(1, counted ?? 1), 1 << 40)
    }
}

/// An organisation's place in the line of a service.
public struct LinePlace: Sendable, Equatable {
    public let service: String
    public let organisation: String
}
