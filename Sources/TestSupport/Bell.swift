import Synchronization

/// Wakes whoever waits for something of which its owner knows first: a call, a line of a log, a datagram, an output.
public final class Bell: Sendable {
    private struct State {
        var rings = 0
        var lastTicket = 0
        var waiting: [Int: CheckedContinuation<Bool, Never>] = [:]
    }

    private let state = Mutex(State())

    public init() {}

    /// What somebody waits for may have come true.
    public func ring() {
        let waiting = state.withLock { state in
            state.rings += 1
            defer { state.waiting = [:] }
            return state.waiting.values
        }
        for item in waiting { item.resume(returning: true) }
    }

    /// Looks at once and then at each ring; false when it did not come true in time.
    public func eventually(seconds: Double = 60, _ condition: () async throws -> Bool) async rethrows -> Bool {
        let deadline = ContinuousClock.now + .seconds(seconds)
        while true {
            let seen = state.withLock { $0.rings }
            if try await condition() { return true }
            guard await rings(after: seen, before: deadline) else { return try await condition() }
        }
    }

    private func rings(after seen: Int, before deadline: ContinuousClock.Instant) async -> Bool {
        let ticket = state.withLock { state in
            state.lastTicket += 1
            return state.lastTicket
        }
        let alarm = Task {
            try? await Task.sleep(until: deadline, clock: .continuous)
            state.withLock { $0.waiting.removeValue(forKey: ticket) }?.resume(returning: false)
        }
        defer { alarm.cancel() }
        return await withCheckedContinuation { continuation in
            let answer: Bool? = state.withLock { state in
                if state.rings > seen { return true }
                if ContinuousClock.now >= deadline { return false }
                state.waiting[ticket] = continuation
                return nil
            }
            if let answer { continuation.resume(returning: answer) }
        }
    }
}
