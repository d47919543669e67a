import CLibpq

extension PostgresConnection {
    /// Runs `COPY … FROM STDIN` with the bytes that `nextChunk` gives until it gives nil; returns the number of rows.
    ///
    /// Chunks may be of any size and need not end at a row's end. When `nextChunk` throws, the server is told, nothing
    /// stays, and its error is thrown. An error of the server is reported once all chunks were taken.
    public func copyIn(
        _ sql: String, timeout: Duration? = nil, label: String? = nil,
        _ nextChunk: @Sendable () throws -> [UInt8]?
    ) async throws -> Int {
        try await interruptible {
            try copyInSync(sql, timeout: timeout, label: label, nextChunk)
        }
    }

    /// `copyIn` for code that already runs on the connection.
    public func copyInSync(
        _ sql: String, timeout: Duration? = nil, label: String? = nil, _ nextChunk: () throws -> [UInt8]?
    ) throws -> Int {
        let label = label ?? PostgresError.label(of: sql)
        try Self.refuseNul(sql, label: label)
        let isHarmless = wire.transactionStatus == PQTRANS_INTRANS
        var operation = try begin(label: label, isHarmless: isHarmless, timeout: timeout)
        defer { publishCondition() }
        let prelude = pendingPrelude.map { $0 + ";" }
        guard PQsendQuery(wire.handle, (prelude ?? "") + sql) == 1 else { throw notSent(operation) }
        try wire.flush(&operation)
        try awaitCopyIn(&operation, hasPrelude: prelude != nil)
        operation.isSentEntirely = false
        var producerError: (any Error)?
        do {
            while operation.stop == nil, !wire.isLost, let chunk = try nextChunk() {
                try send(chunk, &operation)
            }
        } catch {
            guard wire.handle != nil else { throw error }
            producerError = error
        }
        try endCopy(&operation, reason: producerError == nil ? nil : "the sender failed")
        do {
            let answers = try collect(&operation)
            if let producerError { throw producerError }
            return answers.last?.affectedRows ?? 0
        } catch {
            // Our own abort comes back as a server error; its cause says more.
            if let producerError, wire.isUsable { throw producerError }
            throw error
        }
    }

    private func awaitCopyIn(_ operation: inout Operation, hasPrelude: Bool) throws {
        guard let result = try wire.nextResult(&operation) else {
            throw wire.abandon(operation, "the server gave no answer")
        }
        let status = result.status
        if hasPrelude, status == PGRES_TUPLES_OK { return try awaitCopyIn(&operation, hasPrelude: false) }
        guard status != PGRES_COPY_IN else { return }
        let failure =
            status == PGRES_FATAL_ERROR
            ? result.error(.server, statement: operation.label, on: wire)
            : PostgresError(
                .misuse, "This is not a COPY … FROM STDIN.", statement: operation.label, server: wire.server)
        _ = try collect(&operation, after: failure)
        throw failure
    }

    private func send(_ chunk: [UInt8], _ operation: inout Operation) throws(PostgresError) {
        let largestPiece = 1 << 20
        var start = 0
        while start < chunk.count, operation.stop == nil, !wire.isLost {
            let length = min(largestPiece, chunk.count - start)
            let code = chunk.withUnsafeBytes { bytes in
                PQputCopyData(
                    wire.handle, bytes.baseAddress.map { ($0 + start).assumingMemoryBound(to: CChar.self) },
                    Int32(length))
            }
            switch code {
            case 1: start += length
            case 0: try wire.pause(writing: true, &operation)
            default: throw wire.abandon(operation, "the data could not be sent")
            }
            // libpq would otherwise keep everything the server has not taken yet.
            try wire.flush(&operation)
            operation.isSentEntirely = false
        }
    }

    private func endCopy(_ operation: inout Operation, reason: String?) throws(PostgresError) {
        let reason = operation.stop == nil ? reason : "the sender was stopped"
        while !wire.isLost {
            let code = reason.map { PQputCopyEnd(wire.handle, $0) } ?? PQputCopyEnd(wire.handle, nil)
            if code == 1 { break }
            guard code == 0 else { throw wire.abandon(operation, "the end of the data could not be sent") }
            try wire.pause(writing: true, &operation)
        }
        try wire.flush(&operation)
    }
}
