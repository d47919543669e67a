import CLibpq
import Logging
import Synchronization

/// Listens for NOTIFY on a connection of its own.
///
/// An event is a wake-up and not a message: only the newest one is kept for a slow reader, and none arrives while the
/// connection is being made again. So look at the tables after every event, whatever it is.
public final class PostgresListener: Sendable {
    public enum Event: Sendable, Hashable {
        /// Listening began.
        case listening
        /// Listening began again after the connection was lost; notifications may have been missed.
        case reconnected
        case notification(channel: String, payload: String)
        /// A connection pooler stands between, so no notification will ever arrive. The last event.
        case pooled
    }

    /// Ends when the listener is closed or its `run` is cancelled. For one reader.
    public let events: AsyncStream<Event>

    private let configuration: PostgresConfiguration
    private let channels: [String]
    private let pingInterval: Duration
    private let longestRetryDelay: Duration
    private let continuation: AsyncStream<Event>.Continuation
    private let work = Mutex<(task: Task<Void, Never>?, isClosed: Bool)>((nil, false))

    /// A channel's name has at most 63 bytes; it is quoted, so any characters but NUL are possible.
    ///
    /// `pingInterval` is how long silence is trusted before the server is asked for a sign of life.
    public init(
        _ configuration: PostgresConfiguration, channels: [String], pingInterval: Duration = .seconds(5),
        longestRetryDelay: Duration = .seconds(10)
    ) {
        self.configuration = configuration
        self.channels = channels
        self.pingInterval = pingInterval
        self.longestRetryDelay = longestRetryDelay
        (events, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Listens until closed or cancelled, connecting again as often as necessary.
    ///
    /// Errors: `misuse` for a channel name that PostgreSQL would cut.
    public func run() async throws(PostgresError) {
        defer { continuation.finish() }
        for channel in channels where channel.utf8.count > 63 || channel.isEmpty || channel.utf8.contains(0) {
            throw PostgresError(.misuse, "A channel's name has 1 to 63 bytes without NUL, not \(channel.utf8.count).")
        }
        let task = work.withLock { work -> Task<Void, Never>? in
            guard !work.isClosed, work.task == nil else { return nil }
            let task = Task { await self.listenAndReconnect() }
            work.task = task
            return task
        }
        guard let task else { return }
        await withTaskCancellationHandler {
            await task.value
        } onCancel: {
            task.cancel()
        }
    }

    /// Makes `run` return; nothing more is delivered.
    public func close() {
        let task = work.withLock { work in
            work.isClosed = true
            return work.task
        }
        task?.cancel()
        continuation.finish()
    }

    private func listenAndReconnect() async {
        var failures = 0
        var hasListened = false
        while !Task.isCancelled {
            do throws(PostgresError) {
                let connection = try await PostgresConnection.connect(configuration)
                if await connection.isPooled {
                    await connection.close()
                    continuation.yield(.pooled)
                    // Nothing is left to do but to be closed.
                    while !Task.isCancelled { try? await Task.sleep(for: .seconds(86_400)) }
                    return
                }
                do throws(PostgresError) {
                    try await connection.listen(to: channels, timeout: configuration.connectTimeout)
                    continuation.yield(hasListened ? .reconnected : .listening)
                    hasListened = true
                    failures = 0
                    try await deliver(from: connection)
                } catch {
                    await connection.close()
                    throw error
                }
            } catch {
                guard !Task.isCancelled else { return }
                configuration.logger.warning("PostgreSQL listener: connecting again after: \(error)")
                try? await Task.sleep(for: retryDelay(failures))
                failures += 1
            }
        }
    }

    private func deliver(from connection: PostgresConnection) async throws(PostgresError) {
        while true {
            let notifications = try await connection.notifications(within: pingInterval)
            for (channel, payload) in notifications {
                continuation.yield(.notification(channel: channel, payload: payload))
            }
            if notifications.isEmpty {
                _ = try await connection.query("SELECT 1", readOnly: true, timeout: pingInterval, label: "ping")
            }
        }
    }

    /// Doubling from 100 ms to the longest, of which a random half is left out, so that many listeners spread.
    private func retryDelay(_ failures: Int) -> Duration {
        let full = min(longestRetryDelay, .milliseconds(100 << min(failures, 16)))
        return full * Double.random(in: 0.5...1)
    }
}

extension PostgresConnection {
    func listen(to channels: [String], timeout: Duration) async throws(PostgresError) {
        let statements = channels.map { "LISTEN \"\($0.replacing("\"", with: "\"\""))\"" }
        try await execute(statements.joined(separator: ";"), timeout: timeout, label: "LISTEN")
    }

    /// Waits for notifications; an empty answer means that there were none in time.
    func notifications(
        within timeout: Duration
    ) async throws(PostgresError) -> [(channel: String, payload: String)] {
        try await interruptible { () throws(PostgresError) in
            let deadline = MonotonicTime.now + timeout
            while true {
                guard wire.isUsable else {
                    publishCondition()
                    throw PostgresError(
                        .connectionLost, "The connection broke while listening.", statement: "LISTEN",
                        server: wire.server)
                }
                let received = wire.takeNotifications()
                if !received.isEmpty { return received }
                if interrupt?.isRaised == true {
                    throw PostgresError(.cancelled, "Listening was cancelled.", server: wire.server)
                }
                if try !wire.listen(until: deadline) { return [] }
            }
        }
    }
}

extension Wire {
    /// Takes what has arrived, freeing it at once.
    fileprivate func takeNotifications() -> [(channel: String, payload: String)] {
        var received: [(channel: String, payload: String)] = []
        _ = PQisBusy(handle)
        while let notification = PQnotifies(handle) {
            let channel = notification.pointee.relname.map { String(cString: $0) } ?? ""
            let payload = notification.pointee.extra.map { String(cString: $0) } ?? ""
            received.append((channel: channel, payload: payload))
            PQfreemem(notification)
        }
        return received
    }

    /// Waits for the socket without a statement under way; false when the time is over.
    fileprivate func listen(until deadline: MonotonicTime) throws(PostgresError) -> Bool {
        switch SocketReadiness.wait(socket: PQsocket(handle), writing: false, waker: waker, deadline: deadline) {
        case .ready: _ = PQconsumeInput(handle)
        case .woken: break
        case .expired: return false
        case .failed(let code):
            close()
            throw PostgresError(.connectionLost, "Waiting for notifications failed (errno \(code)).", server: server)
        }
        return true
    }
}
