import AsyncHTTPClient
import Synchronization

/// The requests of a client that have not left yet, each with the time after which it must not leave any more.
///
/// Timers alone cannot hold the requests back: after a stop of the process or a sleep of the machine, a free connection
/// and the end of the time come at one moment, and the event loop handles its connections first. So `DepartureGuard`
/// asks here at the very last moment.
final class Departures: Sendable {
    /// One request that waits for its connection.
    final class Ticket: Sendable {
        private struct State {
            var task: HTTPClient.Task<Void>?
            var isLate = false
        }

        let latest: ContinuousClock.Instant
        private let recorder: ExchangeRecorder
        private let state = Mutex(State())

        init(latest: ContinuousClock.Instant, recorder: ExchangeRecorder) {
            self.latest = latest
            self.recorder = recorder
        }

        /// It was turned away, and has not left.
        var isLate: Bool { state.withLock { $0.isLate } }

        /// The request is on its way to its connection.
        func board(_ task: HTTPClient.Task<Void>) {
            let isLate = state.withLock { state in
                state.task = task
                return state.isLate
            }
            if isLate { task.fail(reason: HTTPClientError.deadlineExceeded) }
        }

        /// Ends the request unless it has left. On the event loop of its connection.
        func turnAway() {
            guard recorder.record.headSentAt == nil else { return }
            let task = state.withLock { state in
                state.isLate = true
                return state.task
            }
            task?.fail(reason: HTTPClientError.deadlineExceeded)
        }

        /// Asked when its first byte is about to be written; with a no it never leaves.
        func mayLeave() -> Bool {
            state.withLock { state in
                if latest <= .now { state.isLate = true }
                return !state.isLate
            }
        }
    }

    /// Carries the ticket's number through the client; `DepartureGuard` removes the header.
    static let header = "Turnup-Ticket"

    private struct State {
        var tickets: [UInt64: Ticket] = [:]
        var last: UInt64 = 0
    }

    private let state = Mutex(State())

    func add(_ ticket: Ticket) -> UInt64 {
        state.withLock { state in
            state.last += 1
            state.tickets[state.last] = ticket
            return state.last
        }
    }

    func remove(_ id: UInt64) { state.withLock { _ = $0.tickets.removeValue(forKey: id) } }

    /// A request whose ticket is gone has ended already.
    func mayLeave(_ id: UInt64) -> Bool { state.withLock { $0.tickets[id] }?.mayLeave() == true }
}
