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
        let isHarmless = readOnly || isUndoneByLoss(sql)
        if let pendingPrelude {
            var pump = PreludePump(
                sql, buffer, columns: knownColumns[sql], prelude: pendingPrelude, label: label,
                sent: configuration.statementSent)
            try run(&pump, isHarmless: isHarmless, timeout: timeout)
            return known(try pump.result(), of: sql)
        }
        var operation = try begin(label: label, isHarmless: isHarmless, timeout: timeout)
        let answers = try exchange(&operation, known: knownColumns[sql], sent: configuration.statementSent) { handle in
            buffer.send(handle, sql: sql)
        }
        guard let rows = answers.last else {
            throw PostgresError(.server, "The server gave no answer.", statement: label, server: wire.server)
        }
        return known(rows, of: sql)
    }

    /// Runs the pump to its end. Errors of the statements stay in its result; all others are thrown.
    private func run(_ pump: inout PreludePump, isHarmless: Bool, timeout: Duration?) throws(PostgresError) {
        var operation = try begin(label: pump.label, isHarmless: isHarmless, timeout: timeout)
        defer { publishCondition() }
        guard PQenterPipelineMode(wire.handle) == 1 else { throw notSent(operation) }
        try pump.run(wire, &operation)
        let settled = wire.settle(&operation, pump.failure)
        if wire.handle != nil, PQexitPipelineMode(wire.handle) != 1 { wire.close() }
        noteServer(pump.preludeAnswer)
        if let settled, settled.kind != .server { throw settled }
    }

    private func known(_ rows: PostgresRows, of sql: String) -> PostgresRows {
        knownColumns.remember(sql, rows.storage.columns)
        return rows
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
        let prelude = pendingPrelude.map { $0 + ";" } ?? ""
        var operation = try begin(label: label, isHarmless: false, timeout: timeout)
        do throws(PostgresError) {
            let answers = try exchange(&operation) { PQsendQuery($0, prelude + script) }
            guard !prelude.isEmpty else { return answers }
            noteServer(answers.first)
            return Array(answers.dropFirst())
        } catch {
            throw error.movingPosition(by: -prelude.unicodeScalars.count)
        }
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
    func send(_ handle: OpaquePointer?, sql: String) -> Int32 {
        withPointers { types, values, lengths, formats in
            PQsendQueryParams(handle, sql, Int32(count), types, values, lengths, formats, 0)
        }
    }
}
