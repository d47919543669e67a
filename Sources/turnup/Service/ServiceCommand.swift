import ArgumentParser
import Diagnostics
import EventStore
import Foundation
import WorkflowCore

struct ServiceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "service", abstract: "Say where the platforms are, what they may be reached at, and their limits.",
        discussion: """
            Example:
              turnup service set wpp --base-url https://wpp.example.com
              turnup service set wpp --base-url http://127.0.0.1:8080 --allow loopback
              turnup service set wpp --concurrent 3 --rate 30/1m --per organisation
              turnup service pause wpp --for 10m --reason "maintenance window"
            """,
        subcommands: [Set.self, List.self, Show.self, Check.self, Pause.self, Resume.self, Remove.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List services.")

        @OptionGroup var database: DatabaseOptions
        @Flag(help: "Print one JSON object per line.") var json = false

        func run() async throws {
            try await Session.with(database) { session in
                let services = try await session.store.services()
                let now = try await session.store.now()
                if json {
                    for item in services { Console.out(ServiceJSON.line(item, now: now)) }
                    return
                }
                var table = Table("SERVICE", "BASE URL", "ALLOWED", "AT ONCE", "RATE", "PER", "BREAKER")
                for item in services {
                    table.add(
                        item.name, item.baseURL ?? "-", item.allowedAddresses.joined(separator: ","),
                        item.limits.concurrent.map(String.init) ?? "-", item.limits.rate?.description ?? "-",
                        item.limits.isEmpty ? "-" : item.limits.per.rawValue, BreakerText.text(item.breaker, at: now))
                }
                Console.out(table.text)
            }
        }
    }

    struct Check: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Connect to a service and send one GET to its base URL, with no credential.")

        @Argument(help: "The service's name.") var name: String
        @OptionGroup var database: DatabaseOptions

        func run() async throws {
            try await Session.with(database) { session in
                guard let record = try await session.store.service(name), let baseURL = record.baseURL else {
                    throw ServiceTexts.noBaseURL(name)
                }
                let result = try await ServiceProbe.probe(record, baseURL: baseURL, vault: session.vault())
                guard let status = result.status else {
                    let detail = result.evidence["detail"]?.stringValue ?? ""
                    throw ServiceTexts.unanswered(name, baseURL, error: result.error, detail: detail)
                }
                let total = result.evidence["phases"]?["total_milliseconds"]?.integerValue ?? 0
                Console.out(
                    ServiceTexts.answered(name, baseURL, status: status, span: Phrases.span(milliseconds: total)))
            }
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Drop a service's base URL and limits.",
            discussion: """
                It is refused while runs that are under way may still need it. With --force they wait for a base URL \
                until the service is set again: nothing is lost, and nothing is tried in vain.
                """)

        @Argument(help: "The service's name.") var name: String
        @Flag(help: "Although runs that are under way may need it.") var force = false
        @OptionGroup var database: DatabaseOptions

        func run() async throws {
            try await Session.with(database) { session in
                switch try await session.store.removeService(name, force: force) {
                case .absent: throw ServiceTexts.absent(name)
                case .inUse(let runs): throw ServiceTexts.inUse(name, runs: runs)
                case .removed(let runs):
                    Console.out(ServiceTexts.removed(name))
                    if runs > 0 { Console.note(ServiceTexts.mayWait(name, runs: runs)) }
                }
            }
        }
    }
}

/// What a base URL must look like.
enum BaseURL {
    /// Only public addresses over https are reached unless the installation allows others.
    static func unreachable(_ record: ServiceRecord) -> String? {
        guard record.allowedAddresses.allSatisfy({ $0 == "public" }), let text = record.baseURL,
            let parts = URLComponents(string: text), let host = parts.host
        else { return nil }
        let isLocal = host == "localhost" || host.hasPrefix("127.") || ["[::1]", "::1"].contains(host)
        guard isLocal || parts.scheme?.lowercased() == "http" else { return nil }
        return ServiceTexts.unreachable(record.name, isLocal: isLocal)
    }

    static func problem(_ text: String) -> String? {
        guard let parts = URLComponents(string: text), let scheme = parts.scheme?.lowercased() else {
            return ServiceTexts.notURL(text)
        }
        guard ["http", "https"].contains(scheme) else { return ServiceTexts.scheme }
        guard parts.host?.isEmpty == false else { return ServiceTexts.noHost }
        guard parts.user == nil, parts.password == nil else { return ServiceTexts.holdsUser }
        if let port = parts.port, !(1...65_535).contains(port) { return ServiceTexts.badPort(port) }
        guard parts.query == nil, parts.fragment == nil else { return ServiceTexts.hasQuery }
        return nil
    }
}
