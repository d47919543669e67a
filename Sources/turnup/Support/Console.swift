import Foundation

/// Where words go: results to stdout, everything else to stderr.
enum Console {
    static func out(_ text: String) { FileHandle.standardOutput.write(Data((text + "\n").utf8)) }

    static func note(_ text: String) { FileHandle.standardError.write(Data((text + "\n").utf8)) }

    static func error(_ text: String) { note("turnup: \(text)") }

    static func hint(_ text: String) { note("  \(text)") }

    static var isInteractive: Bool { isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1 }

    /// Asks without echo. Nil when there is nobody to ask, or nothing was said.
    static func askSecret(_ question: String) -> String? {
        guard isInteractive else { return nil }
        var quiet = termios()
        guard tcgetattr(STDIN_FILENO, &quiet) == 0 else { return nil }
        let before = quiet
        quiet.c_lflag &= ~tcflag_t(ECHO)
        FileHandle.standardError.write(Data(question.utf8))
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet)
        // Ctrl-C at the prompt must not leave the terminal silent.
        InterruptedPrompt.remember(before)
        defer {
            InterruptedPrompt.forget()
            var restored = before
            tcsetattr(STDIN_FILENO, TCSAFLUSH, &restored)
            note("")
        }
        return readLine(strippingNewline: true)
    }
}
