import ArgumentParser
import Foundation

/// Runs the command line. Exit codes: 0 done, 1 it failed, 2 bad input, 3 the database or a port is not to be had,
/// 130 interrupted.
@main
struct Main {
    static func main() async {
        signal(SIGPIPE, SIG_IGN)
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

    /// Says what went wrong in one or two lines on stderr; help and completions are no errors.
    private static func report(_ error: any Error) -> Int32 {
        if let failure = CommandFailure(error) {
            failure.print()
            return failure.exitCode
        }
        let code = Turnup.exitCode(for: error)
        if code == .success {
            print(Turnup.fullMessage(for: error))
            return 0
        }
        if error is ExitCode { return code.rawValue }
        let message = Turnup.message(for: error)
        Console.error(message.isEmpty ? "the command line is not understood" : message)
        Console.hint("See \"turnup --help\" or \"turnup help COMMAND\".")
        return 2
    }
}
