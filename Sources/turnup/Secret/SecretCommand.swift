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

        var scope: SecretScope { organisation == nil ? .installation : .organisation }
        var scopeId: String { organisation ?? SecretPlace.installationId }

        func validate() throws {
            if name.isEmpty { throw TerminalTexts.isEmpty("the name") }
            if organisation?.isEmpty == true { throw TerminalTexts.isEmpty("--organisation") }
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
            guard refused.isEmpty else { throw SecretTexts.onCommandLine }
            // Nor is this: somebody may have written NAME=VALUE.
            guard let first = place.name.utf8.first, first.isASCIILetter,
                place.name.utf8.allSatisfy({ $0.isASCIIAlphanumeric || $0 == UInt8(ascii: "_") })
            else { throw SecretTexts.noName }
            if file != nil, variable != nil { throw SecretTexts.oneSource }
        }

        func run() async throws {
            let value = try value()
            try SecretValue.check(value, of: place.name)
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
                Console.out(
                    SecretTexts.stored(place.name, version: version, fingerprint: sealed.fingerprint.shown))
            }
        }

        private func value() throws -> String {
            if let variable {
                guard let value = ProcessInfo.processInfo.environment[variable] else {
                    throw SecretTexts.notInEnvironment(variable)
                }
                return value
            }
            if let file { return try SecretValue.read(file, of: place.name) }
            guard let value = Console.askSecret(SecretTexts.valueOf(place.name)) else { throw SecretTexts.nobodyToAsk }
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
                        item.isForgotten ? SecretTexts.removed(fingerprint: item.fingerprint) : item.fingerprint,
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
                guard count > 0 else { throw SecretTexts.absent(place.name, organisation: place.organisation) }
                Console.out(SecretTexts.removed(place.name, versions: count))
            }
        }
    }
}
