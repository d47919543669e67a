import Dispatch
import Foundation
import Synchronization

/// Gives the terminal its echo back when a prompt is interrupted.
enum InterruptedPrompt {
    private static let saved = Mutex<termios?>(nil)

    /// Dispatch sources may be used from any thread; on Linux they are only not marked so.
    nonisolated(unsafe) private static let interrupts: any DispatchSourceSignal = {
        signal(SIGINT, SIG_IGN)
        let source = DispatchSource.makeSignalSource(signal: SIGINT, queue: .global())
        source.setEventHandler {
            if var settings = saved.withLock({ $0 }) { tcsetattr(STDIN_FILENO, TCSAFLUSH, &settings) }
            Console.note("")
            exit(130)
        }
        return source
    }()

    static func remember(_ settings: termios) {
        saved.withLock { $0 = settings }
        interrupts.activate()
    }

    static func forget() { saved.withLock { $0 = nil } }
}
