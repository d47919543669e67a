import ArgumentParser
import Diagnostics
import EventStore
import Foundation
import WorkflowCore

extension WorkflowCommand {
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List published definitions.")

        @Flag(help: "Count the live and held runs of each version, too.") var counts = false
        @OptionGroup var database: DatabaseOptions
        @Flag(help: "Print one JSON object per line.") var json = false

        func run() async throws {
            try await Session.with(database) { session in
                let definitions = try await session.store.definitions()
                let live = counts ? try await session.store.liveRunCounts() : nil
                func count(_ item: DefinitionSummary) -> Int? {
                    live.map { live in
                        live.first { $0.workflow == item.workflow && $0.version == item.version }?.runs ?? 0
                    }
                }
                if json {
                    for item in definitions { Console.out(Self.json(item, liveRuns: count(item))) }
                    return
                }
                let unpublished = WorkflowSource.shippedNames.filter { name in
                    !definitions.contains { $0.workflow == name }
                }
                if !unpublished.isEmpty {
                    Console.note(WorkflowTexts.notPublished(unpublished))
                    Console.note(WorkflowTexts.howToPublish)
                }
                let clock = ClockText()
                var table = Table(["WORKFLOW", "VERSION", "DIGEST"] + (counts ? ["LIVE"] : []) + ["PUBLISHED"])
                for item in definitions {
                    table.add(
                        [item.workflow, "\(item.version)", String(item.digest.prefix(12))]
                            + (count(item).map { ["\($0)"] } ?? []) + [clock.dateAndTime(item.publishedAt)])
                }
                Console.out(table.text)
            }
        }

        private static func json(_ item: DefinitionSummary, liveRuns: Int?) -> String {
            JSONText.object(
                [
                    ("workflow", .string(item.workflow)), ("version", .integer(item.version)),
                    ("digest", .string(item.digest)), ("published_at", .time(item.publishedAt)),
                ] + (liveRuns.map { [("live_runs", .integer($0))] } ?? []))
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Print a published definition.")

        @Argument(help: "Its name.") var workflow: String
        @Option(help: ArgumentHelp("The newest unless named.", valueName: "number")) var version: Int?
        @Flag(help: "Print the canonical JSON, which the digest covers.") var json = false
        @OptionGroup var database: DatabaseOptions

        func run() async throws {
            try await Session.with(database) { session in
                let found = try await session.published(workflow, version: version, hint: WorkflowTexts.listHint)
                if json {
                    Console.out(found.canonical)
                } else {
                    Console.note(WorkflowTexts.version(found.version, digest: found.digest))
                    Console.out(found.source.hasSuffix("\n") ? String(found.source.dropLast()) : found.source)
                }
            }
        }
    }
}
