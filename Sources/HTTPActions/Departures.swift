import AsyncHTTPClient
import Synchronization

/// The requests of a client that have not left yet, each with the time after which it must not leave any more.
///
/// Timers alone do not hold them back: a process that was stopped, or a machine that slept, finds its connection made
/// and the time over at one moment, and the event loop looks at its connections first.
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
    }

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

    /// A connection is there: those who are too late for it do not get it.
    func turnAwayLate() {
        let now = ContinuousClock.now
        let late = state.withLock { state in state.tickets.values.filter { $0.latest <= now } }
        for ticket in late { ticket.turnAway() }
    }
}
