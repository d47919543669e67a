import ArgumentParser
import Foundation
import LocalPostgres
import WorkflowCore

struct Database: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Start, stop or look at this user's private PostgreSQL.",
        discussion: """
            It listens on a Unix socket only.

            Example:
              psql "$(turnup database url)"
            """,
        subcommands: [Start.self, Stop.self, Status.self, URL.self])

    struct Start: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Start it, making it first where needed.")

        func run() throws {
            let local = try LocalPostgres()
            let status = try local.ensureRunning()
            Console.out(DatabaseTexts.running(process: status.processIdentifier ?? 0, url: local.url))
        }
    }

    struct Stop: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Stop it. Its data stays.")

        func run() throws {
            Console.out(try LocalPostgres().stop() ? DatabaseTexts.stopped : DatabaseTexts.wasNotRunning)
        }
    }

    struct Status: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Say whether it runs, and where.")

        @Flag(help: "Print JSON.") var json = false

        func run() throws {
            let status = try LocalPostgres().status()
            if json {
                Console.out(
                    JSONText.object([
                        ("state", .string(status.state.rawValue)),
                        ("pid", status.processIdentifier.map { .integer(Int64($0)) } ?? .null),
                        ("data_directory", .string(status.dataDirectory)), ("url", .string(status.url)),
                    ]))
                return
            }
            var line = status.state.rawValue
            if let pid = status.processIdentifier { line += " (pid \(pid))" }
            if let major = status.majorVersion { line += ", PostgreSQL \(major)" }
            Console.out(line)
            Console.out("data    \(status.dataDirectory)")
            Console.out("log     \(status.logDirectory)")
            Console.out("url     \(status.url)")
        }
    }

    struct URL: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Print how to connect, for psql and others.")

        func run() throws { Console.out(try LocalPostgres().url) }
    }
}
