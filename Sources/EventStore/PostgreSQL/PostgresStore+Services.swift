import Postgres
public import WorkflowCore

extension PostgresStore {
    private static let select = """
        select name, base_url, allowed_addresses, to_json(allowed_addresses) as addresses, concurrent_requests,
          sends_request_id, turnup.microseconds(paused_until) as paused_until, pause_reason, consecutive_failures
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

    public func pauseService(_ name: String, milliseconds: Int64, reason: String) async throws -> Instant {
        let rows = try await query(
            "select paused_until_microseconds as ends from turnup.pause_service($1, $2::bigint, $3)",
            [.text(name), .int(milliseconds), .text(reason)], label: "pause service")
        return try decoded { try one(rows).instant("ends") }
    }

    public func resumeService(_ name: String) async throws {
        _ = try await query("select turnup.resume_service($1)", [.text(name)], label: "resume service")
    }
}

extension ServiceRecord {
    fileprivate init(row: PostgresRow) throws {
        let addresses = try JSONValue.parse(Array(try row.utf8("addresses"))).arrayValue ?? []
        self.init(
            name: try row.string("name"), baseURL: try row.stringOrNil("base_url"),
            allowedAddresses: addresses.compactMap(\.stringValue),
            concurrentRequests: try row.intOrNil("concurrent_requests").map { Int($0) },
            sendsRequestId: try row.bool("sends_request_id"), pausedUntil: try row.instantOrNil("paused_until"),
            pauseReason: try row.stringOrNil("pause_reason"),
            consecutiveFailures: Int(try row.int("consecutive_failures")))
    }
}
