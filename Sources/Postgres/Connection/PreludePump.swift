import CLibpq

/// Sends our own settings and the caller's statement as one round trip, in libpq's pipeline mode: behind a pooler the
/// next statement may be another session's.
///
/// Sends and receives at the same time: a peer that waits for us to read must never meet us waiting for it to read.
struct PreludePump {
    private let prelude: String
    private let sql: String
    private let buffer: ParameterBuffer
    private let columns: RowColumns?
    let label: String
    private let sentHook: (@Sendable (String) -> Void)?
    /// Of the prelude and of the statement.
    private var answers: [PostgresRows] = []
    private var isQueued = false
    private var isSynced = false
    private(set) var failure: PostgresError?

    init(
        _ sql: String, _ buffer: ParameterBuffer, columns: RowColumns?, prelude: String, label: String,
        sent: (@Sendable (String) -> Void)? = nil
    ) {
        self.sql = sql
        self.buffer = buffer
        self.columns = columns
        self.prelude = prelude
        self.label = label
        sentHook = sent
    }

    mutating func run(_ wire: Wire, _ operation: inout Operation) throws(PostgresError) {
        while !isSynced {
            let isBlocked = wire.isLost ? false : try send(wire, &operation)
            receive(wire)
            if isSynced { return }
            if wire.isLost { return drainLost(wire) }
            if PQisBusy(wire.handle) != 0 || isBlocked { try wire.pause(writing: isBlocked, &operation) }
        }
    }

    /// Sends until everything is on its way or the socket takes no more; true when it takes no more.
    private mutating func send(_ wire: Wire, _ operation: inout Operation) throws(PostgresError) -> Bool {
        if !isQueued {
            guard ParameterBuffer().send(wire.handle, sql: prelude) == 1, buffer.send(wire.handle, sql: sql) == 1,
                PQpipelineSync(wire.handle) == 1
            else { throw wire.abandon(operation, "the statement could not be sent") }
            isQueued = true
        }
        switch PQflush(wire.handle) {
        case 0: break
        case 1: return true
        default:
            try wire.socketFailed(operation)
            return false
        }
        if !operation.isSentEntirely { sentHook?(label) }
        operation.isSentEntirely = true
        return false
    }

    /// A statement's answer ends with a nil.
    private mutating func receive(_ wire: Wire) {
        while !isSynced, !wire.isLost, PQisBusy(wire.handle) == 0 {
            guard let handle = PQgetResult(wire.handle) else { continue }
            take(StatementResult(handle: handle), wire)
        }
    }

    private mutating func take(_ result: consuming StatementResult, _ wire: Wire) {
        switch result.status {
        case PGRES_PIPELINE_SYNC: isSynced = true
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY:
            answers.append(result.rows(known: answers.isEmpty ? nil : columns))
        case PGRES_PIPELINE_ABORTED: break
        default:
            let error = result.error(.server, statement: label, on: wire)
            if failure == nil { failure = error }
        }
    }

    /// The connection is gone; the first error among what libpq still holds says why.
    private mutating func drainLost(_ wire: Wire) {
        for _ in 0..<6 where failure == nil {
            guard let handle = PQgetResult(wire.handle) else { continue }
            take(StatementResult(handle: handle), wire)
        }
    }

    var preludeAnswer: PostgresRows? { answers.first }

    func result() throws(PostgresError) -> PostgresRows {
        if let failure { throw failure }
        guard answers.count == 2 else {
            throw PostgresError(.transactionAborted, "The server gave no answer to the statement.", statement: label)
        }
        return answers[1]
    }
}
