import CLibpq

extension PostgresConnection {
    /// The most statements one pipeline takes.
    public static let pipelineLimit = 100_000

    /// Sends many statements without waiting in between and returns one result for each, in order.
    ///
    /// They are one implicit transaction: when one fails, those before it are undone and those after it do not run.
    /// Unless declared `readOnly`, all of them are then failures: the culprit with its own error, the others with
    /// `transactionAborted`. Errors of the connection, a timeout and a cancellation are thrown. COPY is not possible.
    public func pipeline(
        _ requests: [(sql: String, parameters: [PostgresValue])], readOnly: Bool = false, timeout: Duration? = nil,
        label: String? = nil
    ) async throws(PostgresError) -> [Result<PostgresRows, PostgresError>] {
        try await interruptible { () throws(PostgresError) in
            try pipelineSync(requests, readOnly: readOnly, timeout: timeout, label: label)
        }
    }

    /// `pipeline` for code that already runs on the connection.
    public func pipelineSync(
        _ requests: [(sql: String, parameters: [PostgresValue])], readOnly: Bool = false, timeout: Duration? = nil,
        label: String? = nil
    ) throws(PostgresError) -> [Result<PostgresRows, PostgresError>] {
        guard let first = requests.first else { return [] }
        let label = label ?? "pipeline of \(requests.count): " + PostgresError.label(of: first.sql)
        guard requests.count <= Self.pipelineLimit else {
            throw PostgresError(
                .misuse, "A pipeline takes at most \(Self.pipelineLimit) statements, not \(requests.count).",
                statement: label)
        }
        var pump = try PipelinePump(requests, statements: statements, label: label)
        let isHarmless = readOnly || requests.allSatisfy { isUndoneByLoss($0.sql) }
        var operation = try begin(label: label, isHarmless: isHarmless, timeout: timeout)
        defer { publishCondition() }
        guard PQenterPipelineMode(wire.handle) == 1 else { throw notSent(operation) }
        try pump.run(wire, &operation)
        let settled = wire.settle(&operation, pump.failure)
        leavePipeline()
        if let settled, settled.kind != .server { throw settled }
        for key in pump.staleKeys { statements.forget(key) }
        return pump.results(keepEarlier: readOnly)
    }

    private func leavePipeline() {
        guard wire.handle != nil, PQexitPipelineMode(wire.handle) != 1 else { return }
        wire.close()
    }
}

/// Sends and receives at the same time: a peer that waits for us to read must never meet us waiting for it to read.
private struct PipelinePump {
    private struct Request {
        let key: StatementCache.Key
        let buffer: ParameterBuffer
        let preparedName: String?
        let columns: RowColumns?
    }

    /// So much is handed to libpq before looking whether the socket still takes it.
    private static let flushEveryBytes = 65_536

    private let requests: [Request]
    private let label: String
    private var outcomes: [Result<PostgresRows, PostgresError>?]
    private var sent = 0
    private var received = 0
    private var isSyncSent = false
    private var isSynced = false
    private var culprit: Int?
    private(set) var failure: PostgresError?
    private(set) var staleKeys: [StatementCache.Key] = []

    init(
        _ requests: [(sql: String, parameters: [PostgresValue])], statements: StatementCache, label: String
    ) throws(PostgresError) {
        var prepared: [Request] = []
        prepared.reserveCapacity(requests.count)
        for request in requests {
            try PostgresConnection.refuseNul(request.sql, label: label)
            let buffer = try ParameterBuffer(request.parameters, label: label)
            let key = StatementCache.Key(sql: request.sql, types: buffer.types)
            prepared.append(
                Request(
                    key: key, buffer: buffer, preparedName: statements.preparedName(key),
                    columns: statements.columns(key)))
        }
        self.requests = prepared
        self.label = label
        outcomes = Array(repeating: nil, count: prepared.count)
    }

    mutating func run(_ wire: Wire, _ operation: inout Operation) throws(PostgresError) {
        while !isSynced {
            let isBlocked = wire.isLost ? false : try send(wire, &operation)
            try receive(wire, &operation)
            if isSynced { return }
            if wire.isLost { return drainLost(wire, operation) }
            if PQisBusy(wire.handle) != 0 || isBlocked { try wire.pause(writing: isBlocked, &operation) }
        }
    }

    /// Sends until everything is on its way or the socket takes no more; true when it takes no more.
    private mutating func send(_ wire: Wire, _ operation: inout Operation) throws(PostgresError) -> Bool {
        while true {
            switch PQflush(wire.handle) {
            case 0: break
            case 1: return true
            default:
                try wire.socketFailed(operation)
                return false
            }
            if isSyncSent {
                operation.isSentEntirely = true
                return false
            }
            var queuedBytes = 0
            while queuedBytes < Self.flushEveryBytes, sent < requests.count {
                let request = requests[sent]
                guard
                    request.buffer.send(wire.handle, sql: request.key.sql, preparedName: request.preparedName) == 1
                else { throw wire.abandon(operation, "a statement could not be sent") }
                queuedBytes += request.buffer.byteCount + 64
                sent += 1
            }
            if sent == requests.count {
                guard PQpipelineSync(wire.handle) == 1 else {
                    throw wire.abandon(operation, "the end of the pipeline could not be sent")
                }
                isSyncSent = true
            }
        }
    }

    private mutating func receive(_ wire: Wire, _ operation: inout Operation) throws(PostgresError) {
        while !isSynced, received < sent || isSyncSent, !wire.isLost, PQisBusy(wire.handle) == 0 {
            guard let handle = PQgetResult(wire.handle) else {
                if received < sent { received += 1 }
                continue
            }
            take(StatementResult(handle: handle), wire, operation)
        }
    }

    private mutating func take(_ result: consuming StatementResult, _ wire: Wire, _ operation: Operation) {
        switch result.status {
        case PGRES_PIPELINE_SYNC:
            isSynced = true
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY:
            guard received < requests.count else { return }
            outcomes[received] = .success(result.rows(known: requests[received].columns))
        case PGRES_PIPELINE_ABORTED:
            return
        default:
            let error = result.error(.server, statement: label(received), server: wire.server)
            guard failure == nil else { return }
            failure = error
            culprit = received
            guard received < requests.count else { return }
            outcomes[received] = .failure(error)
            if requests[received].preparedName != nil { staleKeys.append(requests[received].key) }
        }
    }

    /// The connection is gone; the first error among what libpq still holds says why.
    private mutating func drainLost(_ wire: Wire, _ operation: Operation) {
        for _ in 0..<(2 * requests.count + 2) where failure == nil {
            guard let handle = PQgetResult(wire.handle) else { continue }
            take(StatementResult(handle: handle), wire, operation)
        }
    }

    private func label(_ index: Int) -> String {
        guard index < requests.count else { return label }
        return "statement \(index + 1) of \(requests.count): " + PostgresError.label(of: requests[index].key.sql)
    }

    func results(keepEarlier: Bool) -> [Result<PostgresRows, PostgresError>] {
        outcomes.enumerated().map { index, outcome in
            if let culprit, index != culprit, !(keepEarlier && index < culprit) { return .failure(aborted(index)) }
            return outcome ?? .failure(aborted(index))
        }
    }

    private func aborted(_ index: Int) -> PostgresError {
        let reason = culprit.map { "statement \($0 + 1) failed" } ?? "the pipeline ended early"
        let did = culprit.map { index < $0 } == true ? "was undone" : "did not run"
        return PostgresError(.transactionAborted, "The statement \(did), because \(reason).", statement: label(index))
    }
}
