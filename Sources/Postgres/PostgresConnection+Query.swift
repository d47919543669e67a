import CLibpq

extension PostgresConnection {
    /// Runs one statement with parameters.
    ///
    /// Declare a statement `readOnly` when it changes nothing: then a connection lost meanwhile is `connectionLost` and
    /// not `outcomeUnknown`. `timeout` is the time for the whole exchange; when it is over, or the task is cancelled, the
    /// server is asked to stop the statement and `timeout` or `cancelled` is thrown once it has.
    @discardableResult
    public func query(
        _ sql: String, _ parameters: [PostgresValue] = [], readOnly: Bool = false, timeout: Duration? = nil,
        label: String? = nil
    ) async throws(PostgresError) -> PostgresRows {
        try await interruptible { () throws(PostgresError) in
            try querySync(sql, parameters, readOnly: readOnly, timeout: timeout, label: label)
        }
    }

    /// `query` for code that already runs on the connection, as the body of `withTransaction` does.
    @discardableResult
    public func querySync(
        _ sql: String, _ parameters: [PostgresValue] = [], readOnly: Bool = false, timeout: Duration? = nil,
        label: String? = nil
    ) throws(PostgresError) -> PostgresRows {
        let label = label ?? PostgresError.label(of: sql)
        try Self.refuseNul(sql, label: label)
        let buffer = try ParameterBuffer(parameters, label: label)
        let key = StatementCache.Key(sql: sql, types: buffer.types)
        let isHarmless = readOnly || isUndoneByLoss(sql)
        do throws(PostgresError) {
            return try run(key, buffer, label: label, isHarmless: isHarmless, timeout: timeout)
        } catch {
            guard isAboutPlan(error), statements.preparedName(key) != nil else { throw error }
            statements.forget(key)
            // Inside a transaction the error has ended it; outside, nothing has run.
            guard wire.isUsable, wire.transactionStatus == PQTRANS_IDLE else { throw error }
            return try run(key, buffer, label: label, isHarmless: isHarmless, timeout: timeout)
        }
    }

    /// Runs a script of any number of statements without parameters, in one implicit transaction unless it says
    /// otherwise; returns one answer per statement.
    @discardableResult
    public func execute(
        _ script: String, timeout: Duration? = nil, label: String? = nil
    ) async throws(PostgresError) -> [PostgresRows] {
        try await interruptible { () throws(PostgresError) in
            try executeSync(script, timeout: timeout, label: label)
        }
    }

    /// `execute` for code that already runs on the connection.
    @discardableResult
    public func executeSync(
        _ script: String, timeout: Duration? = nil, label: String? = nil
    ) throws(PostgresError) -> [PostgresRows] {
        let label = label ?? PostgresError.label(of: script)
        try Self.refuseNul(script, label: label)
        var operation = try begin(label: label, isHarmless: false, timeout: timeout)
        return try exchange(&operation) { PQsendQuery($0, script) }
    }

    private func run(
        _ key: StatementCache.Key, _ buffer: ParameterBuffer, label: String, isHarmless: Bool, timeout: Duration?
    ) throws(PostgresError) -> PostgresRows {
        var name: String?
        switch statements.plan(key) {
        case .unnamed: break
        case .prepared(let known): name = known
        case .prepare(let new): name = try prepare(key, name: new, label: label, timeout: timeout)
        }
        var operation = try begin(label: label, isHarmless: isHarmless, timeout: timeout)
        let answers = try exchange(
            &operation, known: statements.columns(key), sent: configuration.statementSent
        ) { handle in
            buffer.send(handle, sql: key.sql, preparedName: name)
        }
        guard let rows = answers.last else {
            throw PostgresError(.server, "The server gave no answer.", statement: label, server: wire.server)
        }
        statements.remember(key, columns: rows.storage.columns)
        return rows
    }

    private func prepare(
        _ key: StatementCache.Key, name: String, label: String, timeout: Duration?
    ) throws(PostgresError) -> String {
        if wire.transactionStatus == PQTRANS_IDLE {
            for old in statements.takeForgotten() {
                var operation = try begin(label: "DEALLOCATE", isHarmless: true, timeout: timeout)
                do throws(PostgresError) {
                    _ = try exchange(&operation) { PQsendQuery($0, "DEALLOCATE \(old)") }
                } catch {
                    // The server may have forgotten it first, which is what we want.
                    guard error.kind == .server else { throw error }
                }
            }
        }
        var operation = try begin(label: label, isHarmless: true, timeout: timeout)
        _ = try exchange(&operation) { handle in
            PQsendPrepare(handle, name, key.sql, Int32(key.types.count), key.types)
        }
        statements.prepared(key, name: name)
        return name
    }

    /// The prepared form is gone (26000), taken (42P05) or no longer fits the tables (0A000).
    private func isAboutPlan(_ error: PostgresError) -> Bool {
        error.kind == .server
            && (error.sqlState == "26000" || error.sqlState == "0A000" || error.sqlState == "42P05")
    }

    /// Inside a transaction a lost connection undoes the statement, unless the statement itself ends the transaction.
    /// Only what surely does not is listed; what begins with a comment could be anything.
    func isUndoneByLoss(_ sql: String) -> Bool {
        guard wire.transactionStatus == PQTRANS_INTRANS else { return false }
        if isTransactionReadOnly { return true }
        let spaces = Array(" \t\r\n(".utf8)
        let word = sql.utf8.drop { spaces.contains($0) }.prefix { !spaces.contains($0) }
        return ["select", "insert", "update", "delete", "with", "merge", "values", "lock"]
            .contains(String(decoding: word, as: UTF8.self).lowercased())
    }

    static func refuseNul(_ sql: String, label: String) throws(PostgresError) {
        guard sql.utf8.contains(0) else { return }
        throw PostgresError(
            .misuse, "The statement contains the character U+0000 and was not sent.", statement: label)
    }
}

extension ParameterBuffer {
    /// Hands the statement to libpq, which copies everything before it returns.
    func send(_ handle: OpaquePointer?, sql: String, preparedName: String?) -> Int32 {
        withPointers { types, values, lengths, formats in
            if let preparedName {
                PQsendQueryPrepared(handle, preparedName, Int32(count), values, lengths, formats, 0)
            } else {
                PQsendQueryParams(handle, sql, Int32(count), types, values, lengths, formats, 0)
            }
        }
    }
}
