import Synchronization

extension SimulatorCore {
    /// Waits until the `count`-th matching exchange, counted from the start, has come as far as `phase`. False when
    /// the time was up or the task was cancelled first.
    func wait(for match: RequestMatch, phase: Phase, count: Int, timeoutMilliseconds: Int) async -> Bool {
        let id = takeWaiterId()
        let timer = Task {
            try await Task.sleep(for: .milliseconds(timeoutMilliseconds))
            self.giveUpWatching(id)
        }
        defer { timer.cancel() }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = contents.withLock { contents in
                    let missing = count - contents.count(match, phase)
                    guard missing > 0 else {
                        continuation.resume(returning: true)
                        return true
                    }
                    contents.watchers[id] = Watcher(
                        match: match, phase: phase, missing: missing, continuation: continuation)
                    return false
                }
                // A cancellation or a time-out that came before the entry was made would otherwise go unseen.
                if !isOver, Task.isCancelled || timeoutMilliseconds <= 0 { giveUpWatching(id) }
            }
        } onCancel: {
            giveUpWatching(id)
        }
    }

    /// Keeps an exchange until it is released. False when the simulator gave it up instead.
    func hold(_ exchange: Exchange) async -> Bool {
        let id = takeWaiterId()
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                contents.withLock { contents in
                    contents.holders[id] = Holder(ordinal: exchange.ordinal, continuation: continuation)
                    contents.reached(.held, exchange.ordinal)
                }
                if Task.isCancelled { giveUpHolding(id) }
            }
        } onCancel: {
            giveUpHolding(id)
        }
    }

    /// Writes down that the client of a held exchange is gone.
    func noteDeparture(from exchange: Exchange) {
        contents.withLock { contents in
            guard contents.holders.values.contains(where: { $0.ordinal == exchange.ordinal }) else { return }
            contents.reached(.left, exchange.ordinal)
        }
    }

    /// Lets held exchanges go on, the oldest first, and says how many there were.
    func release(_ match: RequestMatch, atMost limit: Int?) -> Int {
        contents.withLock { contents in
            let found = contents.holders.filter { match.matches(contents.entries[$0.value.ordinal - 1]) }
                .sorted { $0.value.ordinal < $1.value.ordinal }.prefix(limit ?? .max)
            for (id, holder) in found {
                contents.holders[id] = nil
                holder.continuation.resume(returning: true)
            }
            return found.count
        }
    }

    private func takeWaiterId() -> Int {
        contents.withLock { contents in
            contents.nextWaiter += 1
            return contents.nextWaiter
        }
    }

    private func giveUpWatching(_ id: Int) {
        contents.withLock { $0.watchers.removeValue(forKey: id) }?.continuation.resume(returning: false)
    }

    private func giveUpHolding(_ id: Int) {
        contents.withLock { $0.holders.removeValue(forKey: id) }?.continuation.resume(returning: false)
    }
}
