import Foundation
import Synchronization

/// A place in the life of a run at which a test can have this process killed.
///
/// Off unless the environment variable `TURNUP_CRASH_POINT` was set at the start. `NAME:N` kills the process, as if by
/// `kill -9`, when it passes that place for the N-th time; `trace` only reports each passing. Both write a line to
/// stderr first, so that a test can tell that its fault really happened.
public enum CrashPoint: String, Sendable, CaseIterable {
    case afterClaim = "after-claim"
    case afterIntent = "after-intent"
    case afterConnect = "after-connect"
    /// Every byte of the request was written.
    case afterSend = "after-send"
    case afterHead = "after-head"
    case midBody = "mid-body"
    /// The outcome is in hand, and nowhere else.
    case beforeRecord = "before-record"
    /// The committing statement was sent, its answer was not read.
    case duringCommit = "during-commit"
    case afterCommit = "after-commit"

    private enum Order {
        case trace
        case kill(CrashPoint, passing: Int)
    }

    private final class Armed: Sendable {
        private let order: Order
        private let counts = Mutex<[CrashPoint: Int]>([:])

        init(_ order: Order) { self.order = order }

        func passed(_ point: CrashPoint) {
            let passing = counts.withLock { counts in
                counts[point, default: 0] += 1
                return counts[point, default: 0]
            }
            switch order {
            case .trace: CrashPoint.say("passed \(point.rawValue):\(passing)")
            case .kill(point, passing):
                CrashPoint.say("killed at \(point.rawValue):\(passing)")
                kill(getpid(), SIGKILL)
                // The signal may reach another thread first; this one must not go on meanwhile.
                while true { pause() }
            case .kill: break
            }
        }
    }

    private static let armed: Armed? = {
        guard let text = ProcessInfo.processInfo.environment["TURNUP_CRASH_POINT"] else { return nil }
        if text == "trace" { return Armed(.trace) }
        let parts = text.split(separator: ":").map(String.init)
        guard parts.count == 2, let point = CrashPoint(rawValue: parts[0]), let passing = Int(parts[1]), passing > 0
        else {
            say("TURNUP_CRASH_POINT is neither \"trace\" nor NAME:N with a known name: \(text)")
            return nil
        }
        return Armed(.kill(point, passing: passing))
    }()

    /// Whether watchers that call `passed` are needed at all.
    public static var isArmed: Bool { armed != nil }

    public func passed() { Self.armed?.passed(self) }

    /// Past all buffers, which a killed process would lose.
    private static func say(_ text: String) {
        let line = Array("crash point: \(text)\n".utf8)
        _ = line.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }
}
