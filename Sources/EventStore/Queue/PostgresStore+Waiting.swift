import Postgres
public import WorkflowCore

/// How many runs wait for a service, and since when.
public struct ServiceWaiting: Sendable, Equatable {
    /// Counting ends here: an operator needs no more, and a long line must not make the question slow.
    public static let most = 10_000

    /// At most `most`.
    public let count: Int
    /// Whether there are more than that.
    public let hasMore: Bool
    /// When the one that waits longest was due; nil when none waits, or when that is not known.
    public let oldestDue: Instant?
}

extension PostgresStore {
    /// The runs whose next call goes to this service and that nobody works on.
    public func waiting(service: String) async throws -> ServiceWaiting {
        let rows = try await query(
            """
            select count(*) as runs, turnup.microseconds(min(t.due)) as oldest, turnup.microseconds(turnup.now()) as now
            from (
              select t.due from turnup.task t
              where t.service = $1 and t.due <= turnup.now()
                and not exists (select from turnup.lease l where l.run_id = t.run_id and l.expires > turnup.now())
              limit $2::bigint) t
            """, [.text(service), .int(Int64(ServiceWaiting.most) + 1)], readOnly: true, label: "count waiting")
        return try decoded {
            let row = try one(rows)
            let count = Int(try row.int("runs"))
            let oldest = try row.instantOrNil("oldest")
            let now = try row.instant("now")
            return ServiceWaiting(
                count: min(count, ServiceWaiting.most), hasMore: count > ServiceWaiting.most,
                oldestDue: oldest.flatMap { $0 <= now ? $0 : nil })
        }
    }

    /// Why a live run is not being worked on now; nil when nothing keeps it, or somebody works on it.
    public func wait(of run: Identifier) async throws -> RunWait? {
        try await waits(of: [run])[run]
    }

    /// The same for several; those that nothing keeps are not among them.
    public func waits(of runs: [Identifier]) async throws -> [Identifier: RunWait] {
        guard !runs.isEmpty else { return [:] }
        let rows = try await query(
            """
            select id, reason, subject, since_microseconds, until_microseconds, before, about_microseconds
            from unnest($1::uuid[]) as id cross join lateral turnup.wait_of(id)
            """, [.uuidArray(runs.map { PostgresUUID($0) })], readOnly: true, label: "read why runs wait")
        return try decoded {
            var waits: [Identifier: RunWait] = [:]
            for row in rows {
                guard let reason = try row.waitReasonOrNil("reason") else { continue }
                waits[try row.identifier("id")] = RunWait(
                    reason: reason, subject: try row.stringOrNil("subject") ?? "",
                    since: try row.instant("since_microseconds"), until: try row.instantOrNil("until_microseconds"),
                    before: Int(try row.int("before")), about: try row.instantOrNil("about_microseconds"))
            }
            return waits
        }
    }
}

/// Why nobody works on a run, as its task, the service, the line and the leases say it.
public struct RunWait: Sendable, Equatable {
    /// Counting the runs before this one stops here.
    public static let most = 1_000

    public let reason: WaitReason
    /// The service, the limit's number, the worker or the database.
    public let subject: String
    /// Since when it waits: since the event after which it waits for a time; else since it is due.
    public let since: Instant
    /// At least until then.
    public let until: Instant?
    /// How many runs of the same organisation stand before this one in the line; more than `most`: counting stopped.
    public let before: Int
    /// About when its turn comes, where a rate tells that.
    public let about: Instant?
}
