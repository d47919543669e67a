import CLibpq

/// How much of other transactions a transaction sees.
public enum PostgresIsolation: String, Sendable {
    case readCommitted = "READ COMMITTED"
    case repeatableRead = "REPEATABLE READ"
    case serializable = "SERIALIZABLE"
}

extension PostgresConnection {
    /// Runs `body` between BEGIN and COMMIT, or ROLLBACK when it throws.
    ///
    /// The body runs on the connection's thread and cannot suspend, so nothing else gets in between; it uses the `…Sync`
    /// calls. `timeout` covers all of it up to COMMIT. When the connection breaks during COMMIT, the error's kind is
    /// `outcomeUnknown`; when it breaks before, nothing was changed. Cancelling the task stops the running statement and
    /// rolls back; a COMMIT that has been sent is no longer cancelled.
    public func withTransaction<Value: Sendable>(
        isolation: PostgresIsolation = .readCommitted, readOnly: Bool = false, timeout: Duration? = nil,
        label: String? = nil, _ body: @Sendable (isolated PostgresConnection) throws -> Value
    ) async throws -> Value {
        try await interruptible {
            try transactionSync(
                isolation: isolation, readOnly: readOnly, timeout: timeout, label: label ?? "transaction", body)
        }
    }

    private func transactionSync<Value: Sendable>(
        isolation: PostgresIsolation, readOnly: Bool, timeout: Duration?, label: String,
        _ body: @Sendable (isolated PostgresConnection) throws -> Value
    ) throws -> Value {
        guard wire.handle == nil || wire.transactionStatus == PQTRANS_IDLE else {
            throw PostgresError(
                .misuse, "A transaction is already open on this connection.", statement: label, server: wire.server)
        }
        transactionDeadline = timeout.map { .now + $0 }
        isTransactionReadOnly = readOnly
        defer {
            transactionDeadline = nil
            isTransactionReadOnly = false
        }
        let begin = "BEGIN ISOLATION LEVEL \(isolation.rawValue) \(readOnly ? "READ ONLY" : "READ WRITE")"
        let answers = try control(
            prelude.map { "\(begin);\($0)" } ?? begin, label: "BEGIN of \(label)", isHarmless: true)
        if prelude != nil { noteServer(answers.last) }
        do {
            let value = try body(self)
            try commit(label: label, isHarmless: readOnly)
            return value
        } catch {
            rollBack(label: label)
            throw error
        }
    }

    /// Runs `body` inside the open transaction so that its failure undoes only what it did itself.
    public func withSavepointSync<Value>(_ body: () throws -> Value) throws -> Value {
        guard wire.transactionStatus == PQTRANS_INTRANS else {
            throw PostgresError(.misuse, "A savepoint needs an open transaction.", server: wire.server)
        }
        try control("SAVEPOINT turnup", label: "SAVEPOINT", isHarmless: true)
        do {
            let value = try body()
            try control("RELEASE SAVEPOINT turnup", label: "RELEASE SAVEPOINT", isHarmless: true)
            return value
        } catch {
            if wire.isUsable {
                // Both forget the savepoint; the names of nested ones may be equal, the innermost counts.
                try control(
                    "ROLLBACK TO SAVEPOINT turnup; RELEASE SAVEPOINT turnup", label: "ROLLBACK TO SAVEPOINT",
                    isHarmless: true, isShielded: true)
            }
            throw error
        }
    }

    /// Leaves no transaction open; closes the connection when that cannot be done.
    func rollBack(label: String) {
        guard wire.isUsable else { return publishCondition() }
        guard wire.transactionStatus != PQTRANS_IDLE else { return }
        do {
            try control("ROLLBACK", label: "ROLLBACK of \(label)", isHarmless: true, isShielded: true)
        } catch {
            close()
        }
        if wire.isUsable, wire.transactionStatus != PQTRANS_IDLE { close() }
    }

    private func commit(label: String, isHarmless: Bool) throws(PostgresError) {
        guard wire.handle != nil else {
            throw PostgresError(
                .connectionLost, "The connection broke before COMMIT, so nothing was changed.", statement: label,
                server: wire.server)
        }
        if interrupt?.isRaised == true {
            throw PostgresError(.cancelled, "Cancelled before COMMIT.", statement: label, server: wire.server)
        }
        switch wire.transactionStatus {
        case PQTRANS_INTRANS: break
        case PQTRANS_INERROR:
            throw PostgresError(
                .transactionAborted, "A statement failed, so the transaction was rolled back.", statement: label,
                server: wire.server, hint: "Let the statement's error leave the body, or put it into a savepoint.")
        default:
            throw PostgresError(
                .misuse, "The body ended the transaction by itself.", statement: label, server: wire.server)
        }
        let timeout = transactionDeadline.map { max($0.since(.now), .milliseconds(1)) }
        try control(
            "COMMIT", label: "COMMIT of \(label)", isHarmless: isHarmless, isShielded: true, timeout: timeout)
    }

    @discardableResult
    private func control(
        _ sql: String, label: String, isHarmless: Bool, isShielded: Bool = false, timeout: Duration? = nil
    ) throws(PostgresError) -> [PostgresRows] {
        let limit = timeout ?? (sql == "COMMIT" ? nil : configuration.connectTimeout)
        var operation = try begin(label: label, isHarmless: isHarmless, timeout: limit, isShielded: isShielded)
        return try exchange(&operation) { PQsendQuery($0, sql) }
    }
}
