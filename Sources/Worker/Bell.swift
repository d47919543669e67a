/// Something to wait for that others may ring: wake-up hints, freed places, a shutdown.
///
/// A ring while nobody waits is kept, so none is lost between two waits.
public actor Bell {
    private var isRung = false
    private var waiter: CheckedContinuation<Void, Never>?
    private var round: UInt64 = 0

    public init() {}

    public func ring() {
        isRung = true
        answer()
    }

    /// Waits for a ring, but no longer than so many milliseconds. One waiter at a time.
    public func wait(milliseconds: Int64) async {
        guard !isRung, milliseconds > 0 else {
            isRung = false
            return
        }
        round += 1
        let mine = round
        let timer = Task {
            try? await Task.sleep(for: .milliseconds(milliseconds))
            self.timeOut(mine)
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                waiter = continuation
                if isRung || Task.isCancelled { answer() }
            }
        } onCancel: {
            Task { await self.ring() }
        }
        timer.cancel()
        isRung = false
    }

    private func timeOut(_ timed: UInt64) {
        if timed == round { answer() }
    }

    private func answer() {
        waiter?.resume()
        waiter = nil
    }
}
