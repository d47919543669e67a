import Postgres
public import WorkflowCore

extension PostgresStore {
    private static let select = """
        select name, base_url, allowed_addresses, to_json(allowed_addresses) as addresses, concurrent_requests,
          sends_request_id, turnup.microseconds(paused_until) as paused_until, pause_reason, paused_by,
          consecutive_failures, unanswered, canary_owner, turnup.microseconds(canary_expires) as canary_expires
        from turnup.service
        """

    public func service(_ name: String) async throws -> ServiceRecord? {
        let rows = try await query(
            Self.select + " where name = $1", [.text(name)], readOnly: true, label: "read service")
        return try decoded { try rows.first.map { try ServiceRecord(row: $0) } }
    }

    public func services() async throws -> [ServiceRecord] {
        let rows = try await query(Self.select + " order by name", readOnly: true, label: "list services")
        return try decoded { try rows.map { try ServiceRecord(row: $0) } }
    }

    public func setService(_ service: ServiceRecord) async throws {
        _ = try await query(
            """
            with put as (
              insert into turnup.service (
                name, base_url, allowed_addresses, concurrent_requests, sends_request_id, updated_at)
              values ($1, $2, $3, $4::integer, $5, turnup.now())
              on conflict (name) do update
              set base_url = excluded.base_url, allowed_addresses = excluded.allowed_addresses,
                concurrent_requests = excluded.concurrent_requests, sends_request_id = excluded.sends_request_id,
                updated_at = excluded.updated_at
              returning name)
            select turnup.wake_waiting('no_base_url', name) from put
            """,
            [
                .text(service.name), .optional(service.baseURL), .textArray(service.allowedAddresses),
                .optional(service.concurrentRequests.map { Int64($0) }), .bool(service.sendsRequestId),
            ], label: "set service")
    }

    /// Drops what the installation says of a service: base URL, limits, pause. Refused while live or held runs are of a
    /// definition that names it, unless `force`d; such runs then wait for a base URL, unless the definition has one.
    public func removeService(_ name: String, force: Bool = false) async throws -> ServiceRemoval {
        let rows = try await query(
            """
            with there as materialized (
              select s.name from turnup.service s where s.name = $1 for update
            ), users as materialized (
              select count(*) as runs from turnup.run r
              where exists (select from there) and r.status in ('live', 'held') and (r.workflow, r.version) in (
                select d.workflow, d.version from turnup.definition d
                where json_typeof(d.canonical -> 'services' -> $1) is not null)
            ), removed as (
              delete from turnup.service s using there, users
              where s.name = there.name and ($2 or users.runs = 0)
              returning s.name
            )
            select exists (select from there) as was_there, exists (select from removed) as is_removed, users.runs
            from users
            """, [.text(name), .bool(force)], label: "remove service")
        return try decoded {
            let row = try one(rows)
            let runs = Int(try row.int("runs"))
            guard try row.bool("was_there") else { return .absent }
            return try row.bool("is_removed") ? .removed(liveRuns: runs) : .inUse(liveRuns: runs)
        }
    }

    public func pauseService(_ name: String, milliseconds: Int64?, reason: String, by actor: String) async throws
        -> Instant
    {
        let rows = try await query(
            "select paused_until_microseconds as ends from turnup.pause_service($1, $2::bigint, $3, $4)",
            [.text(name), .optional(milliseconds), .text(reason), .text(actor)], label: "pause service")
        return try decoded { try one(rows).instant("ends") }
    }

    public func resumeService(_ name: String) async throws -> Bool {
        let rows = try await query(
            "select turnup.resume_service($1) as was_shut", [.text(name)], label: "resume service")
        return try decoded { try one(rows).bool("was_shut") }
    }

    public func serviceFailed(_ failure: ServiceFailure, worker: String) async throws -> ServiceFailureAnswer {
        let rows = try await query(
            """
            select paused_until_microseconds, left_milliseconds, consecutive_failures, unanswered
            from turnup.service_failed($1, $2, $3, $4::bigint, $5::bigint, $6::integer, $7::bigint)
            """,
            [
                .text(failure.service), .text(worker), .text(failure.reason), .int(failure.askedMilliseconds),
                .int(failure.firstMilliseconds), .int(Int64(failure.needed)), .optional(failure.canary),
            ], label: "service failed")
        return try decoded {
            let row = try one(rows)
            return ServiceFailureAnswer(
                pausedUntil: try row.instantOrNil("paused_until_microseconds"),
                leftMilliseconds: try row.intOrNil("left_milliseconds") ?? 0,
                consecutiveFailures: Int(try row.int("consecutive_failures")),
                unanswered: Int(try row.int("unanswered")))
        }
    }

    public func serviceAnswered(_ name: String, canary: Int64?) async throws -> Bool {
        let rows = try await query(
            "select turnup.service_answered($1, $2::bigint) as counts", [.text(name), .optional(canary)],
            label: "service answered")
        return try decoded { try one(rows).bool("counts") }
    }

    public func takeCanary(_ name: String, worker: String, milliseconds: Int64) async throws -> Int64? {
        let rows = try await query(
            "select turnup.take_canary($1, $2, $3::bigint) as canary",
            [.text(name), .text(worker), .int(milliseconds)], label: "take canary")
        return try decoded { try one(rows).intOrNil("canary") }
    }

    public func returnCanary(_ name: String, canary: Int64) async throws {
        _ = try await query(
            "select turnup.return_canary($1, $2::bigint)", [.text(name), .int(canary)], label: "return canary")
    }

    public func wakeBusy(_ service: String, most: Int) async throws -> Int {
        let rows = try await query(
            "select turnup.wake_busy($1, $2::bigint) as woken", [.text(service), .int(Int64(most))], label: "wake busy")
        return try decoded { Int(try one(rows).int("woken")) }
    }
}

/// What came of removing a service.
public enum ServiceRemoval: Sendable, Equatable {
    case removed(liveRuns: Int)
    case inUse(liveRuns: Int)
    case absent
}

extension ServiceRecord {
    fileprivate init(row: PostgresRow) throws {
        let addresses = try JSONValue.parse(Array(try row.utf8("addresses"))).arrayValue ?? []
        self.init(
            name: try row.string("name"), baseURL: try row.stringOrNil("base_url"),
            allowedAddresses: addresses.compactMap(\.stringValue),
            concurrentRequests: try row.intOrNil("concurrent_requests").map { Int($0) },
            sendsRequestId: try row.bool("sends_request_id"),
            breaker: Breaker(
                pausedUntil: try row.instantOrNil("paused_until"), pauseReason: try row.stringOrNil("pause_reason"),
                pausedBy: try row.stringOrNil("paused_by"),
                consecutiveFailures: Int(try row.int("consecutive_failures")),
                unanswered: Int(try row.int("unanswered")), canaryOwner: try row.stringOrNil("canary_owner"),
                canaryExpires: try row.instantOrNil("canary_expires")))
    }
}
