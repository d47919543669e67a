import Foundation
import Synchronization

/// Milliseconds since 1970: the wall clock at the start plus monotonic time, so that steps of the machine's clock
/// change nothing, plus what a test has advanced it by.
final class SimulatorClock: Sendable {
    private let start: ContinuousClock.Instant
    let startedAtMilliseconds: Int
    private let advanced = Mutex(0)

    /// Reads the monotonic clock before the wall clock. If the thread loses its turn between the two, this clock runs
    /// ahead by as much. It never runs behind, where a request would seem to come before its intent. Of several
    /// readings the closest one counts.
    init() {
        let readings = (0..<20).map { _ in
            let before = ContinuousClock.now
            let wall = Date()
            return (before: before, wall: wall, gap: before.duration(to: .now))
        }
        let closest = readings.min { $0.gap < $1.gap } ?? (.now, Date(), .zero)
        start = closest.before
        startedAtMilliseconds = Int(closest.wall.timeIntervalSince1970 * 1000)
    }

    var nowMilliseconds: Int { unadvancedMilliseconds + advancedMilliseconds }

    var advancedMilliseconds: Int { advanced.withLock { $0 } }

    /// How far the machine's clock was set forward since the start; negative when it was set back.
    var wallStepMilliseconds: Int { Int(Date().timeIntervalSince1970 * 1000) - unadvancedMilliseconds }

    private var unadvancedMilliseconds: Int {
        let elapsed = (ContinuousClock.now - start).components
        return startedAtMilliseconds + Int(elapsed.seconds) * 1000
            + Int(elapsed.attoseconds / 1_000_000_000_000_000)
    }

    var elapsedMilliseconds: Int { nowMilliseconds - startedAtMilliseconds }

    func advance(milliseconds: Int) {
        advanced.withLock { $0 += max(0, milliseconds) }
    }
}
