import ArgumentParser
import Diagnostics
import EventStore
import Foundation
import Vault
import WorkflowCore
import WorkflowFiles

struct WorkflowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "workflow", abstract: "Check, publish, list and draw definitions.",
        discussion: """
            A definition is a YAML file; its name equals the file's. Those that come with the program are checked and \
            published by their name alone.

            Example:
              turnup workflow check workflows/whatsapp-number.yaml
              turnup workflow publish workflows/whatsapp-number.yaml
              turnup workflow graph workflows/whatsapp-number.yaml --to svg > number.svg
              turnup workflow schema > turnup.schema.json
            """,
        subcommands: [
            Check.self, Publish.self, List.self, Show.self, Graph.self, Schema.self, Export.self, Import.self,
        ])

    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Check definition files. Changes nothing.")

        @Argument(help: "YAML files, or names of definitions that come with the program.") var files: [String]
        @Flag(help: "Print the problems as JSON.") var json = false

        func run() throws {
            let checks = try files.map { try WorkflowSource.check($0, mode: .check) }
            let problems = checks.flatMap(\.problems)
            if json {
                Console.out(JSONValue.array(ProblemList.ordered(problems).map(\.json)).serialized())
            } else {
                for line in ProblemList.lines(problems) { Console.out(line) }
                for (file, check) in zip(files, checks) where check.errors.isEmpty {
                    let count = check.warnings.count
                    Console.note("\(file): ok\(count == 0 ? "" : ", \(count) warning\(count == 1 ? "" : "s")")")
                }
            }
            if problems.contains(where: { $0.severity == .error }) { throw ExitCode(2) }
        }
    }

    struct Publish: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Store definitions in the database, for ever. Workers need no files.")

        @Argument(help: "YAML files, or names of definitions that come with the program.") var files: [String]
        @OptionGroup var database: DatabaseOptions

        func run() async throws {
            let checks = try files.map { try WorkflowSource.check($0, mode: .publish) }
            for line in ProblemList.lines(checks.flatMap(\.problems)) { Console.note(line) }
            let workflows = checks.compactMap(\.workflow)
            guard checks.allSatisfy(\.errors.isEmpty), workflows.count == files.count else {
                throw CommandFailure.badInput("nothing was published: mend the errors above first")
            }
            try await Session.with(database) { session in
                var changes: [WorkflowProblem] = []
                for (file, workflow) in zip(files, workflows) { changes += try await session.changes(workflow, file) }
                for line in ProblemList.lines(changes) { Console.note(line) }
                if changes.contains(where: { $0.severity == .error }) {
                    throw CommandFailure.badInput("nothing was published: mend the errors above first")
                }
                for workflow in workflows {
                    let answer = try await session.publish(workflow)
                    let name = "\(workflow.definition.workflow) version \(workflow.definition.version)"
                    Console.out(
                        answer == .published ? "Published \(name)." : "\(name) is published already, unchanged.")
                }
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List published definitions.")

        @OptionGroup var database: DatabaseOptions
        @Flag(help: "Print one JSON object per line.") var json = false

        func run() async throws {
            try await Session.with(database) { session in
                let definitions = try await session.store.definitions()
                if json {
                    for item in definitions { Console.out(Self.json(item)) }
                    return
                }
                let unpublished = WorkflowSource.shippedNames.filter { name in
                    !definitions.contains { $0.workflow == name }
                }
                if !unpublished.isEmpty {
                    Console.note(
                        "Not published, though it comes with the program: \(unpublished.joined(separator: ", "))")
                    Console.note("Publish one with: turnup workflow publish NAME")
                }
                let clock = ClockText()
                var table = Table("WORKFLOW", "VERSION", "DIGEST", "LIVE", "RUNS", "PUBLISHED")
                for item in definitions {
                    table.add(
                        item.workflow, "\(item.version)", String(item.digest.prefix(12)), "\(item.liveRuns)",
                        "\(item.allRuns)", clock.dateAndTime(item.publishedAt))
                }
                Console.out(table.text)
            }
        }

        private static func json(_ item: DefinitionSummary) -> String {
            JSONText.object([
                ("workflow", .string(item.workflow)), ("version", .integer(item.version)),
                ("digest", .string(item.digest)), ("live_runs", .integer(item.liveRuns)),
                ("runs", .integer(item.allRuns)), ("published_at", .time(item.publishedAt)),
            ])
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
                guard let found = try await session.store.definition(workflow: workflow, version: version) else {
                    throw CommandFailure.badInput(
                        "workflow \"\(workflow)\"\(version.map { " version \($0)" } ?? "") is not published",
                        hint: "See \"turnup workflow list\".")
                }
                if json {
                    Console.out(found.canonical)
                } else {
                    Console.note("# version \(found.version), SHA-256 \(found.digest)")
                    Console.out(found.source.hasSuffix("\n") ? String(found.source.dropLast()) : found.source)
                }
            }
        }
    }
}

/// Reads definition files for commands.
enum WorkflowSource {
    /// The definitions that come with the program, in the order in which a list shows them.
    private static let shippedFiles: [(workflow: String, bytes: [UInt8])] = [
        ("whatsapp-number", PackageResources.whatsapp_number_yaml),
        ("whatsapp-number-shared-key", PackageResources.whatsapp_number_shared_key_yaml),
        ("whatsapp-number-sub-organisation", PackageResources.whatsapp_number_sub_organisation_yaml),
    ]

    static var shippedNames: [String] { shippedFiles.map(\.workflow) }

    /// A file, or the name of a definition that comes with the program where no such file is.
    static func check(_ path: String, mode: DefinitionMode) throws -> WorkflowCheck {
        if !FileManager.default.fileExists(atPath: path), let shipped = shippedCheck(path, mode: mode) {
            return shipped
        }
        return WorkflowFile.check(Array(try InputFile.read(path)), name: path, mode: mode)
    }

    private static func shippedCheck(_ name: String, mode: DefinitionMode) -> WorkflowCheck? {
        shippedFiles.first { $0.workflow == name }
            .map { WorkflowFile.check($0.bytes, name: $0.workflow + ".yaml", mode: mode) }
    }

    /// The first of the definitions that come with the program.
    static func shipped() throws -> LoadedWorkflow {
        let check = WorkflowFile.check(
            PackageResources.whatsapp_number_yaml, name: "whatsapp-number.yaml", mode: .publish)
        guard let workflow = check.workflow else {
            throw CommandFailure.failed("the shipped definition has errors: \(check.problems)")
        }
        return workflow
    }
}

extension Session {
    /// What a definition changes against its own published version, or else against the newest one.
    fileprivate func changes(_ workflow: LoadedWorkflow, _ file: String) async throws -> [WorkflowProblem] {
        let name = workflow.definition.workflow
        var found = try await store.definition(workflow: name, version: workflow.definition.version)
        if found == nil { found = try await store.definition(workflow: name, version: nil) }
        guard let found else { return [] }
        let liveRuns = try await store.definitions()
            .first { $0.workflow == name && $0.version == found.version }?.liveRuns
        return WorkflowFile.changes(
            Array(workflow.source.utf8), name: file, after: try JSONValue.parse(found.canonical), liveRuns: liveRuns)
    }

    func publish(_ workflow: LoadedWorkflow) async throws -> PublishAnswer {
        try await store.publish(
            PublishedDefinition(
                workflow: workflow.definition.workflow, version: workflow.definition.version,
                digest: ContentDigest.sha256Hex(workflow.canonical), source: workflow.source,
                canonical: workflow.canonical),
            keyParts: workflow.definition.keyParts, by: Session.actor)
    }
}
