import Dispatch
import Foundation
import Synchronization

/// Gives the terminal its echo back when a prompt is interrupted.
enum InterruptedPrompt {
    private static let source = Mutex<(any DispatchSourceSignal)?>(nil)

    static func remember(_ settings: termios) {
        signal(SIGINT, SIG_IGN)
        let interrupts = DispatchSource.makeSignalSource(signal: SIGINT, queue: .global())
        interrupts.setEventHandler {
            var restored = settings
            tcsetattr(STDIN_FILENO, TCSAFLUSH, &restored)
            Console.note("")
            exit(130)
        }
        interrupts.resume()
        source.withLock { $0 = interrupts }
    }

    static func forget() {
        source.withLock { current in
            current?.cancel()
            current = nil
        }
        signal(SIGINT, SIG_DFL)
    }
}
