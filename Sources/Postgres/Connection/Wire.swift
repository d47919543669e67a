import CLibpq
import Glibc
import Logging

/// A libpq connection in non-blocking mode together with all waiting for it. Confined to its connection's thread.
final class Wire {
    private(set) var handle: OpaquePointer?
    let waker: Waker
    private var notices: Unmanaged<NoticeSink>?
    /// The socket ended during the current exchange; libpq may still hold results that arrived before.
    private(set) var isLost = false
    /// The server has refused a write because it only reads.
    private(set) var isServerReadOnly = false
    /// Host, port and database, for errors.
    private(set) var server = "a server not yet known"

    init(waker: Waker) {
        self.waker = waker
    }

    deinit { close() }

    var isUsable: Bool { handle != nil && PQstatus(handle) == CONNECTION_OK }
    var transactionStatus: PGTransactionStatusType { PQtransactionStatus(handle) }

    func adopt(_ handle: OpaquePointer, logger: Logger) {
        close()
        self.handle = handle
        isLost = false
        let sink = Unmanaged.passRetained(NoticeSink(logger: logger))
        notices = sink
        PQsetNoticeReceiver(handle, { NoticeSink.receive($0, $1) }, sink.toOpaque())
    }

    /// Who we are to the server.
    var user: String? { PQuser(handle).map { String(cString: $0) } }

    func describeServer() {
        guard let handle else { return }
        func text(_ pointer: UnsafePointer<CChar>?) -> String { pointer.map { String(cString: $0) } ?? "" }
        let host = text(PQhost(handle))
        let port = text(PQport(handle))
        let database = text(PQdb(handle))
        guard !host.isEmpty else { return }
        server = "\(host):\(port)/\(database)"
    }

    func close() {
        if let handle { PQfinish(handle) }
        handle = nil
        notices?.release()
        notices = nil
    }

    /// Sends what libpq has buffered, reading meanwhile, so that two full buffers never face each other.
    func flush(_ operation: inout Operation) throws(PostgresError) {
        while !isLost {
            switch PQflush(handle) {
            case 0:
                operation.isSentEntirely = true
                return
            case 1: try pause(writing: true, &operation)
            default: try socketFailed(operation)
            }
        }
    }

    /// The socket has ended. That is no error yet, because libpq may still hold what the server said before. But while
    /// libpq takes the socket for alive, asking libpq for a result could block for ever.
    func socketFailed(_ operation: Operation) throws(PostgresError) {
        guard PQstatus(handle) != CONNECTION_OK else { throw abandon(operation, "libpq could not use the socket") }
        isLost = true
    }

    /// The next result of the current statement, or nil when it is complete.
    func nextResult(_ operation: inout Operation) throws(PostgresError) -> StatementResult? {
        while !isLost && PQisBusy(handle) != 0 {
            try pause(writing: false, &operation)
        }
        guard let result = PQgetResult(handle) else { return nil }
        return StatementResult(handle: result)
    }

    /// Waits for the socket once. A passed deadline or a raised interrupt asks the server to stop; when the grace
    /// period after that is over too, the connection is closed and the error thrown.
    func pause(writing: Bool, reading: Bool = true, _ operation: inout Operation) throws(PostgresError) {
        if operation.stop == nil, operation.interrupt?.isRaised == true { requestStop(.cancelled, &operation) }
        let readiness = SocketReadiness.wait(
            socket: PQsocket(handle), reading: reading, writing: writing, waker: waker, deadline: operation.deadline)
        switch readiness {
        case .ready(let readable):
            guard readable, PQconsumeInput(handle) == 0 else { return }
            try socketFailed(operation)
        case .woken: return
        case .expired:
            guard operation.stop != nil else { return requestStop(.timeout, &operation) }
            throw abandon(operation, "the server did not react to the cancel request")
        case .failed(let code): throw abandon(operation, "waiting for the socket failed (errno \(code))")
        }
    }

    /// Ends an exchange: decides what its error means and whether the connection can be used again.
    func settle(_ operation: inout Operation, _ error: PostgresError?) -> PostgresError? {
        guard handle != nil else { return error }
        awaitCancelCall(&operation)
        guard PQstatus(handle) == CONNECTION_OK else {
            let lost = lostError(operation, error)
            close()
            return lost
        }
        if let cancelCall = operation.cancelCall, !cancelCall.hasReturned { close() }
        let isUnreplicated = notices?.takeUnretainedValue().takeUnreplicated() ?? false
        isServerReadOnly = error?.isReadOnlyServer == true
        guard let error else { return unacknowledged(operation, isUnreplicated: isUnreplicated) }
        guard let kind = operation.stopKind, error.sqlState == "57014" else { return error }
        return stopError(kind, operation, sqlState: error.sqlState)
    }

    /// A commit that is cancelled while it waits for its standby is reported as a success, with a warning: the change
    /// is in place on this server, but is gone when the standby takes over. So a success after a cancel proves nothing,
    /// whoever asked for the cancel. A statement that changes nothing has nothing to lose.
    private func unacknowledged(_ operation: Operation, isUnreplicated: Bool) -> PostgresError? {
        guard !operation.isHarmless, isUnreplicated || operation.stop != nil else { return nil }
        let message =
            isUnreplicated
            ? "The commit waited for the synchronous standby, which did not confirm it; it is lost if that standby takes over."
            : "The success came only after the statement was told to stop."
        var error = PostgresError(
            .outcomeUnknown, message, statement: operation.label, server: server, hint: Self.hint(.outcomeUnknown))
        error.awaitsStandby = isUnreplicated
        return error
    }

    /// Gives the connection up in the middle of an exchange.
    func abandon(_ operation: Operation, _ reason: String) -> PostgresError {
        let kind = operation.kindWhenLost
        close()
        if kind == .timeout || kind == .cancelled { return stopError(kind, operation, sqlState: nil) }
        let message = "The connection was given up: \(reason)."
        return PostgresError(kind, message, statement: operation.label, server: server, hint: Self.hint(kind))
    }

    private func requestStop(_ reason: Operation.Stop, _ operation: inout Operation) {
        operation.beginStop(reason, cancelCall: CancelCall.start(connection: handle, waker: waker))
    }

    /// Until the cancel call has returned it might hit the next statement.
    private func awaitCancelCall(_ operation: inout Operation) {
        while let call = operation.cancelCall, !call.hasReturned {
            switch SocketReadiness.wait(socket: -1, writing: false, waker: waker, deadline: operation.deadline) {
            case .ready, .woken: continue
            case .expired, .failed: return
            }
        }
    }

    private func lostError(_ operation: Operation, _ error: PostgresError?) -> PostgresError {
        let kind = operation.kindWhenLost
        let told = error?.message ?? trimmed(PQerrorMessage(handle))
        let reason = told.isEmpty ? "the server closed it" : told
        var lost = PostgresError(
            kind, "The connection broke: \(reason)", statement: operation.label, server: server, hint: Self.hint(kind))
        lost.sqlState = error?.sqlState
        return lost
    }

    private func stopError(
        _ kind: PostgresError.Kind, _ operation: Operation, sqlState: String?
    ) -> PostgresError {
        let message = kind == .timeout ? "The statement took longer than allowed." : "The statement was cancelled."
        var error = PostgresError(kind, message, statement: operation.label, server: server)
        error.sqlState = sqlState
        return error
    }

    private static func hint(_ kind: PostgresError.Kind) -> String? {
        kind == .outcomeUnknown ? "Look whether the change is there before doing it again." : nil
    }
}
