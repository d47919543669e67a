/// Something to wait for that others may ring: wake-up hints, freed places, a shutdown.
///
/// A ring while nobody waits is kept, so none is lost between two waits.
public actor Bell {
    private static let longestMilliseconds: Int64 = 86_400_000

    private var isRung = false
    private var waiters: [UInt64: CheckedContinuation<Void, Never>] = [:]
    private var lastWaiter: UInt64 = 0

    public init() {}

    /// Wakes all who wait; when nobody does, the next to wait goes on at once.
    public func ring() {
        guard !waiters.isEmpty else {
            isRung = true
            return
        }
        for waiter in waiters.keys { answer(waiter) }
    }

    /// Waits for a ring, but no longer than so many milliseconds, nor beyond the task's cancellation.
    public func wait(milliseconds: Int64) async {
        guard !isRung, milliseconds > 0 else {
            isRung = false
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
                if isRung || Task.isCancelled {
                    isRung = false
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
