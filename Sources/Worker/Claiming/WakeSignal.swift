/// Something to wait for that others may signal: hints of new work, freed places, a shutdown.
///
/// A signal while nobody waits is kept, so none is lost between two waits.
public actor WakeSignal {
    private static let longestMilliseconds: Int64 = 86_400_000

    private var isSignalled = false
    private var waiters: [UInt64: CheckedContinuation<Void, Never>] = [:]
    private var lastWaiter: UInt64 = 0

    public init() {}

    /// Wakes all who wait; when nobody does, the next to wait goes on at once.
    public func signal() {
        guard !waiters.isEmpty else {
            isSignalled = true
            return
        }
        for waiter in waiters.keys { answer(waiter) }
    }

    /// Waits for a signal, at most this many milliseconds, and no longer than until the task is cancelled.
    public func wait(milliseconds: Int64) async {
        guard !isSignalled, milliseconds > 0 else {
            isSignalled = false
            return
        }
        lastWaiter += 1
        let mine = lastWaiter
        let timer = Task {
            do { try await Task.sleep(for: .milliseconds(min(milliseconds, Self.longestMilliseconds))) } catch {
                return
            }
            self.answer(mine)
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                waiters[mine] = continuation
                if isSignalled || Task.isCancelled {
                    isSignalled = false
                    answer(mine)
                }
            }
        } onCancel: {
            Task { await self.answer(mine) }
        }
        timer.cancel()
    }

    private func answer(_ waiter: UInt64) { waiters.removeValue(forKey: waiter)?.resume() }
}
