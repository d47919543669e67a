import ArgumentParser
import Foundation

/// Runs the command line. Exit codes: 0 done, 1 it failed, 2 bad input, 3 no database, or a port in use,
/// 130 interrupted.
@main
struct Main {
    static func main() async {
        signal(SIGPIPE, SIG_IGN)
        keepStandardDescriptors()
        do {
            var command = try Turnup.parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch {
            exit(report(error))
        }
    }

    /// If a standard stream is closed at the start, the next file or socket that is opened would take its number, and
    /// printed text would go into that file.
    private static func keepStandardDescriptors() {
        for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) == -1 {
            // Opened for the other direction, so that using the stream fails as it would have failed before.
            _ = open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY)
        }
    }

    /// Says what went wrong in one or two lines on stderr; help and completions are no errors.
    private static func report(_ error: any Error) -> Int32 {
        if let failure = CommandFailure(error) {
            failure.print()
            return failure.exitCode
        }
        let code = Turnup.exitCode(for: error)
        if code == .success {
            Console.out(Turnup.fullMessage(for: error))
            return 0
        }
        if error is ExitCode { return code.rawValue }
        // The parser lists allowed values in lines of their own.
        let lines = Turnup.message(for: error).split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
        let values = lines.filter { $0.hasPrefix("- ") }.map { $0.dropFirst(2) }.joined(separator: ", ")
        let message = (lines.filter { !$0.hasPrefix("- ") } + [values]).filter { !$0.isEmpty }.joined(separator: " ")
        if let unknown = Turnup.unknownCommand(CommandLine.arguments.dropFirst()) {
            Console.error(TerminalTexts.noCommand(unknown.name))
            Console.hint(unknown.hint)
            return 2
        }
        Console.error(message.isEmpty ? TerminalTexts.notUnderstood : message)
        if message.contains("<duration>") { Console.hint(TerminalTexts.durationHint) }
        Console.hint(TerminalTexts.usageHint)
        return 2
    }
}
