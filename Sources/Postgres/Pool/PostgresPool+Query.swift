extension PostgresPool {
    /// Runs one statement on any connection; as `PostgresConnection.query`.
    @discardableResult
    public func query(
        _ sql: String, _ parameters: [PostgresValue] = [], readOnly: Bool = false, timeout: Duration? = nil,
        label: String? = nil, lane: PostgresLane = .ordinary
    ) async throws(PostgresError) -> PostgresRows {
        try await withFreshConnection(lane) { connection throws(PostgresError) in
            try await connection.query(sql, parameters, readOnly: readOnly, timeout: timeout, label: label)
        }
    }

    /// Runs a script on any connection; as `PostgresConnection.execute`.
    @discardableResult
    public func execute(
        _ script: String, timeout: Duration? = nil, label: String? = nil
    ) async throws(PostgresError) -> [PostgresRows] {
        try await withFreshConnection { connection throws(PostgresError) in
            try await connection.execute(script, timeout: timeout, label: label)
        }
    }

    /// Runs a transaction on any connection; as `PostgresConnection.withTransaction`.
    public func withTransaction<Value: Sendable>(
        isolation: PostgresIsolation = .readCommitted, readOnly: Bool = false, timeout: Duration? = nil,
        label: String? = nil, lane: PostgresLane = .ordinary,
        _ body: @Sendable (isolated PostgresConnection) throws -> Value
    ) async throws -> Value {
        let outcome = try await withFreshConnection(lane) {
            connection throws(PostgresError) -> Result<Value, any Error> in
            do {
                return .success(
                    try await connection.withTransaction(
                        isolation: isolation, readOnly: readOnly, timeout: timeout, label: label, body))
            } catch let error as PostgresError where error.isStaleConnection {
                throw error
            } catch {
                return .failure(error)
            }
        }
        return try outcome.get()
    }

    /// Repeats `body` on another connection as long as nothing was sent because the server had closed an idle one; a
    /// restarted server has closed all of them.
    private func withFreshConnection<Value: Sendable>(
        _ lane: PostgresLane = .ordinary, _ body: (PostgresConnection) async throws(PostgresError) -> Value
    ) async throws(PostgresError) -> Value {
        var attemptsLeft = limits.maximum
        while true {
            let lease = try await acquire(lane, timeout: acquireTimeout)
            let outcome: Result<Value, PostgresError>
            do throws(PostgresError) {
                outcome = .success(try await body(lease.connection))
            } catch {
                outcome = .failure(error)
            }
            await giveBack(lease)
            attemptsLeft -= 1
            if case .failure(let error) = outcome, error.isStaleConnection, attemptsLeft >= 0 { continue }
            return try outcome.get()
        }
    }
}
