import CLibpq
import Glibc

extension PostgresConnection {
    /// Runs `body` so that cancelling the task interrupts the wait in it. Nothing in here gives up the thread.
    func interruptible<Value, Failure: Error>(
        _ body: () throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        let interrupt = Interrupt(waker: wire.waker)
        let result: Result<Value, Failure> = await withTaskCancellationHandler {
            self.interrupt = interrupt
            defer { self.interrupt = nil }
            do throws(Failure) {
                return .success(try body())
            } catch {
                return .failure(error)
            }
        } onCancel: {
            interrupt.raise()
        }
        return try result.get()
    }

    /// Starts an exchange: refuses it when the connection is closed, the task cancelled or the time already over.
    func begin(
        label: String, isHarmless: Bool, timeout: Duration?, isShielded: Bool = false
    ) throws(PostgresError) -> Operation {
        guard wire.handle != nil else {
            throw PostgresError(.connectionClosed, "The connection is closed.", statement: label, server: wire.server)
        }
        if !isShielded, interrupt?.isRaised == true {
            throw PostgresError(.cancelled, "Cancelled before it was sent.", statement: label, server: wire.server)
        }
        try refuseStale(label)
        var deadline = (timeout ?? configuration.queryTimeout).map { MonotonicTime.now + $0 }
        if !isShielded, let limit = transactionDeadline {
            guard limit > .now else {
                throw PostgresError(
                    .timeout, "The transaction's time was over before this was sent.", statement: label,
                    server: wire.server)
            }
            deadline = deadline.map { min($0, limit) } ?? limit
        }
        return Operation(
            label: label, isHarmless: isHarmless, cancelGrace: configuration.cancelGrace,
            interrupt: isShielded ? nil : interrupt, deadline: deadline)
    }

    /// Sends one statement, takes all its answers and settles what they mean.
    func exchange(
        _ operation: inout Operation, known: RowColumns? = nil, sent: (@Sendable (String) -> Void)? = nil,
        send: (OpaquePointer?) -> Int32
    ) throws(PostgresError) -> [PostgresRows] {
        defer { publishCondition() }
        guard send(wire.handle) == 1 else { throw notSent(operation) }
        try wire.flush(&operation)
        sent?(operation.label)
        return try collect(&operation, known: known)
    }

    /// Takes all answers up to the end of the statement. The first error counts: a deferred constraint or a lost
    /// connection shows itself only after the statement's own success.
    func collect(
        _ operation: inout Operation, known: RowColumns? = nil, after earlier: PostgresError? = nil
    ) throws(PostgresError) -> [PostgresRows] {
        var answers: [PostgresRows] = []
        var failure = earlier
        while let result = try wire.nextResult(&operation) {
            switch result.status {
            case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY, PGRES_SINGLE_TUPLE:
                answers.append(result.rows(known: known))
            case PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH:
                let stray = try endStrayCopy(result.status, &operation)
                failure = failure ?? stray
            default:
                failure = failure ?? result.error(.server, statement: operation.label, on: wire)
            }
        }
        if let failure = wire.settle(&operation, failure) { throw failure }
        return answers
    }

    func notSent(_ operation: Operation) -> PostgresError {
        wire.abandon(operation, "the statement could not be sent: \(trimmed(PQerrorMessage(wire.handle)))")
    }

    /// Tells the pool in which state the connection is.
    func publishCondition() {
        // A server that has become a standby keeps its connections; only a new one finds the new primary.
        guard wire.isUsable, isTransactionReadOnly || !wire.isServerReadOnly else {
            wire.close()
            condition.value = .closed
            return
        }
        condition.value = wire.transactionStatus == PQTRANS_IDLE ? .idle : .unsettled
    }

    /// A COPY nobody asked for would leave the connection waiting for ever.
    private func endStrayCopy(
        _ status: ExecStatusType, _ operation: inout Operation
    ) throws(PostgresError) -> PostgresError {
        if status == PGRES_COPY_OUT {
            var row: UnsafeMutablePointer<CChar>?
            var length = PQgetCopyData(wire.handle, &row, 1)
            while length >= 0, !wire.isLost {
                if let row { PQfreemem(row) }
                row = nil
                if length == 0 { try wire.pause(writing: false, &operation) }
                length = PQgetCopyData(wire.handle, &row, 1)
            }
        } else {
            while PQputCopyEnd(wire.handle, "COPY is not possible here") == 0, !wire.isLost {
                try wire.pause(writing: true, &operation)
            }
            try wire.flush(&operation)
        }
        return PostgresError(
            .misuse, "COPY cannot be run as an ordinary statement.", statement: operation.label, server: wire.server,
            hint: "Use copyIn for COPY … FROM STDIN.")
    }

    /// When the server went away while the connection was idle, the socket shows it. Looking before sending keeps
    /// "nothing happened" apart from "nobody knows".
    private func refuseStale(_ label: String) throws(PostgresError) {
        // Data may arrive in pieces before the end of the stream; the bound only guards against a babbling peer.
        for _ in 0..<64 {
            var descriptor = pollfd(fd: PQsocket(wire.handle), events: Int16(POLLIN), revents: 0)
            guard poll(&descriptor, 1, 0) > 0 else { return }
            if PQconsumeInput(wire.handle) == 0 || PQstatus(wire.handle) != CONNECTION_OK {
                let wasInTransaction = condition.value == .unsettled
                wire.close()
                condition.value = .closed
                var error = PostgresError(
                    .connectionLost, "The server had closed the connection before this was sent.", statement: label,
                    server: wire.server)
                error.isStaleConnection = !wasInTransaction
                throw error
            }
            // Takes notices and notifications out of the buffer, so that the next look meets only what is new.
            _ = PQisBusy(wire.handle)
        }
    }
}
