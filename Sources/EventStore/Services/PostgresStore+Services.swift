import Postgres
public import WorkflowCore

extension PostgresStore {
    /// The installation's settings of a service, and the service's present state; either may be missing.
    private static let select = """
        select name, s.base_url, to_json(coalesce(s.allowed_addresses, '{public}')) as addresses,
          s.concurrent_requests, s.rate_requests, s.rate_milliseconds, coalesce(s.limits_per, 'all') as limits_per,
          s.retry_after_cap_milliseconds, coalesce(s.sends_request_id, true) as sends_request_id,
          turnup.microseconds(t.paused_until) as paused_until, t.pause_reason, t.paused_by,
          coalesce(t.consecutive_failures, 0) as consecutive_failures,
          coalesce((
            select json_agg(json_build_object(
              'run', f.run_id, 'organisation', f.organisation, 'at', turnup.microseconds(f.at), 'reason', f.reason))
            from unnest(case when t.consecutive_failures > 0 then t.opened_by else t.answers end) f
            where t.consecutive_failures > 0
              or (f.finding = 'failed' and f.at > turnup.now() - interval '1 minute')), '[]') as failures,
          (select l.worker from turnup.lease l where l.service = t.name and l.token = t.trial_token) as trial_owner,
          turnup.microseconds(t.trial_expires) as trial_expires
        from turnup.service s full join turnup.service_state t using (name)
        where (s.name is not null or t.paused_until is not null or t.consecutive_failures > 0 or t.answers <> '{}')
        """

    public func service(_ name: String) async throws -> ServiceRecord? {
        let rows = try await query(
            Self.select + " and name = $1", [.text(name)], readOnly: true, label: "read service")
        return try decoded { try rows.first.map { try ServiceRecord(row: $0) } }
    }

    public func services() async throws -> [ServiceRecord] {
        let rows = try await query(Self.select + " order by name", readOnly: true, label: "list services")
        return try decoded { try rows.map { try ServiceRecord(row: $0) } }
    }

    public func setService(_ service: ServiceRecord) async throws {
        _ = try await query(
            """
            select turnup.set_service(
              $1, $2, $3, $4::integer, $5::integer, $6::bigint, $7, $8::bigint, $9)
            """,
            [
                .text(service.name), .optional(service.baseURL), .textArray(service.allowedAddresses),
                .optional(service.limits.concurrent.map { Int64($0) }),
                .optional(service.limits.rate.map { Int64($0.count) }),
                .optional(service.limits.rate?.windowMilliseconds), .text(service.limits.per.rawValue),
                .optional(service.retryAfterCapMilliseconds.map { Int64($0) }), .bool(service.sendsRequestId),
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
        let removal: ServiceRemoval = try decoded {
            let row = try one(rows)
            let runs = Int(try row.int("runs"))
            guard try row.bool("was_there") else { return .absent }
            return try row.bool("is_removed") ? .removed(liveRuns: runs) : .inUse(liveRuns: runs)
        }
        if case .removed = removal {
            // Claims read limits and pause from a place of their own, which must be cleared too.
            _ = try await query(
                "select turnup.refresh_limits($1), turnup.resume_service($1)", [.text(name)], label: "forget service")
        }
        return removal
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
        var rate: RateLimit?
        if let count = try row.intOrNil("rate_requests"), let window = try row.intOrNil("rate_milliseconds") {
            rate = RateLimit(count: Int(count), windowMilliseconds: window)
        }
        self.init(
            name: try row.string("name"), baseURL: try row.stringOrNil("base_url"),
            allowedAddresses: addresses.compactMap(\.stringValue),
            limits: ServiceLimits(
                concurrent: try row.intOrNil("concurrent_requests").map { Int($0) }, rate: rate,
                per: LimitScope(rawValue: try row.string("limits_per")) ?? .all),
            retryAfterCapMilliseconds: try row.intOrNil("retry_after_cap_milliseconds").map { Int($0) },
            sendsRequestId: try row.bool("sends_request_id"),
            breaker: Breaker(
                pausedUntil: try row.instantOrNil("paused_until"), pauseReason: try row.stringOrNil("pause_reason"),
                pausedBy: try row.stringOrNil("paused_by"),
                consecutiveFailures: Int(try row.int("consecutive_failures")),
                failures: try Self.failures(row), trialOwner: try row.stringOrNil("trial_owner"),
                trialExpires: try row.instantOrNil("trial_expires")))
    }

    private static func failures(_ row: PostgresRow) throws -> [Breaker.Failure] {
        try (JSONValue.parse(Array(try row.utf8("failures"))).arrayValue ?? []).compactMap { item in
            guard let run = item["run"]?.stringValue.flatMap({ Identifier($0) }),
                let organisation = item["organisation"]?.stringValue, let at = item["at"]?.integerValue
            else { return nil }
            return Breaker.Failure(
                runId: run, organisation: organisation, at: Instant(microseconds: at),
                reason: item["reason"]?.stringValue ?? "")
        }
    }
}
