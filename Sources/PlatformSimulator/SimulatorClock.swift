import Synchronization

/// Milliseconds since 1970: the wall clock at the start plus monotonic time, so that steps of the machine's clock
/// change nothing, plus what a test has advanced it by.
final class SimulatorClock: Sendable {
    private let start = ContinuousClock.now
    let startedAtMilliseconds: Int
    private let advanced = Mutex(0)

    init(startedAtMilliseconds: Int) {
        self.startedAtMilliseconds = startedAtMilliseconds
    }

    var nowMilliseconds: Int {
        let elapsed = (ContinuousClock.now - start).components
        let real = Int(elapsed.seconds) * 1000 + Int(elapsed.attoseconds / 1_000_000_000_000_000)
        return startedAtMilliseconds + real + advanced.withLock { $0 }
    }

    var elapsedMilliseconds: Int { nowMilliseconds - startedAtMilliseconds }

    func advance(milliseconds: Int) {
        advanced.withLock { $0 += max(0, milliseconds) }
    }
}
