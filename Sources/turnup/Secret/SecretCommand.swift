import ArgumentParser
import Diagnostics
import EventStore
import Foundation
import Vault
import WorkflowCore

struct SecretCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "secret", abstract: "Keep the credentials that definitions name.",
        discussion: """
            A value comes from a file, from an environment variable or from a prompt, never from the command line, \
            where other users could read it. It is sealed and shown as a fingerprint.

            Example:
              turnup secret set wpp_master --from-file /run/secrets/wpp-master
              turnup secret set wpp_master --organisation academy --from-env WPP_MASTER
            """,
        subcommands: [Set.self, List.self, Remove.self])

    struct Place: ParsableArguments {
        @Argument(help: "The name under \"secrets\" in a definition.") var name: String
        @Option(help: ArgumentHelp("For this organisation only; it goes before the general value.", valueName: "name"))
        var organisation: String?

        var scope: SecretPlace.Scope { organisation == nil ? .installation : .organisation }
        var scopeId: String { organisation ?? SecretPlace.installationId }

        func validate() throws {
            if name.isEmpty { throw ValidationError("the name is empty") }
            if organisation?.isEmpty == true { throw ValidationError("--organisation is empty") }
        }
    }

    struct Set: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Store a credential, or a new value of it.")

        @OptionGroup var place: Place
        @Option(
            name: .customLong("from-file"),
            help: ArgumentHelp(
                "Read the value from a file, \"-\" for standard input; one newline at its end is left out.",
                valueName: "path"))
        var file: String?
        @Option(
            name: .customLong("from-env"),
            help: ArgumentHelp("Read the value from an environment variable.", valueName: "variable"))
        var variable: String?
        @Argument(help: .hidden) var refused: [String] = []
        @OptionGroup var database: DatabaseOptions

        func validate() throws {
            // What stands there may be the secret itself, so it is not repeated.
            guard refused.isEmpty else {
                throw ValidationError(
                    "a value on the command line can be read by others; give --from-file, --from-env or nothing to be asked"
                )
            }
            // Nor is this: somebody may have written NAME=VALUE.
            guard let first = place.name.utf8.first, Self.isLetter(first),
                place.name.utf8.allSatisfy({ Self.isLetter($0) || (48...57).contains($0) || $0 == 95 })
            else {
                throw ValidationError(
                    "that is no name of a credential: a letter, then letters, digits or _; its value is not given here")
            }
            if file != nil, variable != nil { throw ValidationError("give --from-file or --from-env, not both") }
        }

        private static func isLetter(_ byte: UInt8) -> Bool {
            (65...90).contains(byte) || (97...122).contains(byte)
        }

        func run() async throws {
            let value = try value()
            try SecretText.check(value, of: place.name)
            try await Session.with(database) { session in
                let vault = try await session.vault()
                let last = try await session.store.secrets().filter {
                    $0.scope == place.scope.rawValue && $0.scopeId == place.scopeId && $0.name == place.name
                }
                let version = (last.map(\.version).max() ?? 0) + 1
                let sealed = try vault.seal(
                    Secret(value),
                    at: SecretPlace(scope: place.scope, scopeId: place.scopeId, name: place.name, version: version))
                try await session.store.putSecret(sealed, by: Session.actor)
                Console.out("\(place.name): version \(version), fingerprint \(sealed.fingerprint.shown)")
            }
        }

        private func value() throws -> String {
            if let variable {
                guard let value = ProcessInfo.processInfo.environment[variable] else {
                    throw CommandFailure.badInput("the environment variable \(variable) is not set")
                }
                return value
            }
            if let file { return try SecretText.read(file, of: place.name) }
            guard let value = Console.askSecret("Value of \(place.name): ") else {
                throw CommandFailure.badInput(
                    "there is no terminal to ask for the value", hint: "Give --from-file PATH or --from-env VARIABLE.")
            }
            return value
        }

    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List credentials by fingerprint. Values are never shown.")

        @OptionGroup var database: DatabaseOptions
        @Flag(help: "Print one JSON object per line.") var json = false

        func run() async throws {
            try await Session.with(database) { session in
                let secrets = try await session.store.secrets()
                if json {
                    for item in secrets { Console.out(Self.json(item)) }
                    return
                }
                let clock = ClockText()
                var table = Table("NAME", "ORGANISATION", "VERSION", "FINGERPRINT", "SET", "BY")
                for item in secrets {
                    table.add(
                        item.name, item.scope == "organisation" ? item.scopeId : "-", "\(item.version)",
                        item.isForgotten ? "\(item.fingerprint) removed" : item.fingerprint,
                        clock.dateAndTime(item.createdAt), item.createdBy)
                }
                Console.out(table.text)
            }
        }

        private static func json(_ item: SecretSummary) -> String {
            JSONText.object([
                ("name", .string(item.name)),
                ("organisation", item.scope == "organisation" ? .string(item.scopeId) : .null),
                ("version", .integer(item.version)), ("fingerprint", .string(item.fingerprint)),
                ("created_at", .time(item.createdAt)), ("created_by", .string(item.createdBy)),
                ("removed", .bool(item.isForgotten)),
            ])
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Forget a credential: its sealed values are erased, its fingerprints stay.",
            discussion: "A worker that has just used it notices within a second.")

        @OptionGroup var place: Place
        @OptionGroup var database: DatabaseOptions

        func run() async throws {
            try await Session.with(database) { session in
                let count = try await session.store.forgetSecret(
                    scope: place.scope, scopeId: place.scopeId, name: place.name)
                guard count > 0 else {
                    throw CommandFailure.badInput(
                        "there is no credential \(place.name)\(place.organisation.map { " of organisation \($0)" } ?? "")",
                        hint: "See \"turnup secret list\".")
                }
                Console.out("Removed \(place.name): \(count) version\(count == 1 ? "" : "s").")
            }
        }
    }
}
