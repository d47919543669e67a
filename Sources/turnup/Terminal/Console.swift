import Foundation

/// Where words go: results to stdout, everything else to stderr.
enum Console {
    static func out(_ text: String) {
        switch write(text + "\n", to: STDOUT_FILENO) {
        case 0: break
        case EPIPE: exit(141)  // the reader has seen enough, as with `| head`: what a shell shows for SIGPIPE
        case let reason:
            error(TerminalTexts.unwritable(TerminalTexts.standardOutput, String(cString: strerror(reason))))
            exit(1)
        }
    }

    /// A note that nobody can read is no reason to stop.
    static func note(_ text: String) { _ = write(text + "\n", to: STDERR_FILENO) }

    /// To the terminal as it is, without a line's end. A terminal that went away is no reason to stop.
    static func draw(_ text: String) { _ = write(text, to: STDERR_FILENO) }
    /// Replaces the last line of a terminal; empty text clears it.
    static func progress(_ text: String) { _ = write("\r\u{1B}[K" + text, to: STDERR_FILENO) }

    /// Answers 0, or the system's reason. `FileHandle.write` would end the process with a stack trace instead.
    private static func write(_ text: String, to descriptor: Int32) -> Int32 {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
            if count >= 0 {
                rest = rest.dropFirst(count)
            } else if errno == EAGAIN {
                var ready = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                _ = poll(&ready, 1, 1000)
            } else if errno != EINTR {
                return errno
            }
        }
        return 0
    }

    static func error(_ text: String) { note("turnup: \(text)") }

    static func hint(_ text: String) { note("  \(text)") }

    static var isInteractive: Bool { isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1 }

    /// Asks on the terminal. Nil when there is nobody to ask; empty when nothing was said.
    static func ask(_ question: String) -> String? {
        guard isInteractive else { return nil }
        _ = write(question, to: STDERR_FILENO)
        return readLine(strippingNewline: true) ?? ""
    }

    /// Asks without echo. Nil when there is nobody to ask; empty when nothing was said.
    static func askSecret(_ question: String) -> String? {
        guard isInteractive else { return nil }
        var quiet = termios()
        guard tcgetattr(STDIN_FILENO, &quiet) == 0 else { return nil }
        let before = quiet
        quiet.c_lflag &= ~tcflag_t(ECHO)
        // If the prompt were suspended and continued, the shell would turn the echo on again in the middle of the
        // secret.
        let disabledKey: UInt8 = 0  // _POSIX_VDISABLE
        withUnsafeMutableBytes(of: &quiet.c_cc) { keys in
            for key in [VSUSP, VQUIT] { keys[Int(key)] = disabledKey }
        }
        _ = write(question, to: STDERR_FILENO)
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet)
        // Ctrl-C at the prompt must not leave the terminal silent.
        InterruptedPrompt.remember(before)
        defer {
            InterruptedPrompt.forget()
            var restored = before
            tcsetattr(STDIN_FILENO, TCSAFLUSH, &restored)
            note("")
        }
        return readLine(strippingNewline: true) ?? ""
    }
}

extension String {
    var trimmingWhitespace: String {
        String(drop { $0.isWhitespace }.reversed().drop { $0.isWhitespace }.reversed())
    }
}
