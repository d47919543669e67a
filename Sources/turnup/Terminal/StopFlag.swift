import Foundation
import Synchronization
import UnixSignals

/// Whether somebody asked for the end, by SIGINT or SIGTERM.
final class StopFlag: Sendable {
    private let raised = Mutex(false)

    var isRaised: Bool { raised.withLock { $0 } }

    func raise() { raised.withLock { $0 = true } }

    /// The first signal raises the flag, so that what is under way can end well; a second one ends the process.
    static func withSignals<Value>(
        saying note: String? = nil, _ body: (StopFlag) async throws -> Value
    ) async throws -> Value {
        let flag = StopFlag()
        let watcher = Task {
            for await _ in await UnixSignalsSequence(trapping: .sigint, .sigterm) {
                if flag.isRaised { exit(130) }
                flag.raise()
                if let note { Console.note(note) }
            }
        }
        defer { watcher.cancel() }
        return try await body(flag)
    }

    /// Sleeps so long, or until the flag is raised.
    func sleep(_ duration: Duration) async throws {
        let end = ContinuousClock.now + duration
        while !isRaised, ContinuousClock.now < end {
            try await Task.sleep(for: min(.milliseconds(50), end - .now))
        }
    }
}
