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

    struct Check: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Check definition files. Changes nothing.",
            discussion: """
                With --against-live every live and held run of the workflow is folded first, and each group of them is \
                told with up to ten ids: those that would follow to this version by "moved", those that stay on \
                the version they are pinned to, and those that would break, which is an error.

                Example:
                  turnup workflow check --against-live workflows/whatsapp-number.yaml

                With --json the problems are a list; with --against-live too, an object of "problems" and "live_runs". \
                The exit code is 2 when there is an error.
                """)

        @Argument(help: "YAML files, or names of definitions that come with the program.") var files: [String]
        @Flag(help: "Print the problems as JSON.") var json = false
        @Flag(help: "Say what would become of the runs in the database that are under way.") var againstLive = false
        @OptionGroup var database: DatabaseOptions

        func run() async throws {
            // What cannot be read hides nothing about the others.
            var read: [String] = []
            var checks: [WorkflowCheck] = []
            for file in files {
                do {
                    checks.append(try WorkflowSource.check(file, mode: .check))
                    read.append(file)
                } catch let failure as CommandFailure { failure.print() }
            }
            var problems = checks.flatMap(\.problems)
            var live: [LiveRunCheck] = []
            if againstLive {
                live = try await Session.with(database) { session in
                    var found: [LiveRunCheck] = []
                    for (file, check) in zip(read, checks) {
                        if let item = try await LiveRunCheck(file: file, check: check, session: session) {
                            found.append(item)
                        }
                    }
                    return found
                }
                problems += live.flatMap(\.problems)
            }
            if json {
                let list = JSONValue.array(ProblemList.ordered(problems).map(\.json))
                let all = JSONValue.object(
                    JSONObject([("problems", list), ("live_runs", .array(live.map(\.json)))]))
                Console.out((againstLive ? all : list).serialized())
            } else {
                for line in ProblemList.lines(problems) { Console.out(line) }
                for line in live.flatMap(\.lines) { Console.out(line) }
                for file in read where !problems.contains(where: { $0.file == file && $0.severity == .error }) {
                    let count = problems.count { $0.file == file }
                    Console.note("\(file): ok\(count == 0 ? "" : ", \(count) warning\(count == 1 ? "" : "s")")")
                }
            }
            if read.count < files.count || problems.contains(where: { $0.severity == .error }) { throw ExitCode(2) }
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
                // What is only not run yet may be wrong besides, and the database knows.
                if checks.allSatisfy({ $0.errors.allSatisfy { $0.code == .notRunYet } }) {
                    try await Session.with(database) { session in _ = try await session.sayChanges(checks, files) }
                }
                throw CommandFailure.badInput("nothing was published: mend the errors above first")
            }
            try await Session.with(database) { session in
                let changes = try await session.sayChanges(checks, files)
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
        WorkflowFile.check(try bytes(path), name: shippedFile(path) == nil ? path : path + ".yaml", mode: mode)
    }

    static func bytes(_ path: String) throws -> [UInt8] {
        if let shipped = shippedFile(path) { return shipped.bytes }
        do { return Array(try InputFile.read(path)) } catch let failure as CommandFailure {
            guard !path.contains(where: { $0 == "." || $0 == "/" }) else { throw failure }
            throw CommandFailure.badInput(
                failure.message, hint: "With the program come: \(shippedNames.joined(separator: ", ")).")
        }
    }

    private static func shippedFile(_ path: String) -> (workflow: String, bytes: [UInt8])? {
        FileManager.default.fileExists(atPath: path) ? nil : shippedFiles.first { $0.workflow == path }
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
    /// What a definition changes against its own published version, or else against the newest one; and against the one
    /// whose runs it moves.
    func changes(_ tree: JSONValue, _ file: String, _ bytes: [UInt8]) async throws -> [WorkflowProblem] {
        guard let plan = MovePlan(of: tree) else { return [] }
        var problems: [WorkflowProblem] = []
        var found = try await store.definition(workflow: plan.workflow, version: plan.version)
        if found == nil { found = try await store.definition(workflow: plan.workflow, version: nil) }
        if let found { problems += try await changes(bytes, file, after: found) }
        if let from = plan.movedFrom, from != found?.version,
            let moved = try await store.definition(workflow: plan.workflow, version: from)
        {
            problems += try await changes(bytes, file, after: moved).filter { $0.code == .brokenMove }
        }
        return problems
    }

    private func changes(_ bytes: [UInt8], _ file: String, after older: PublishedDefinition) async throws
        -> [WorkflowProblem]
    {
        let liveRuns = try await store.liveRuns(workflow: older.workflow, version: older.version)
        return WorkflowFile.changes(
            bytes, name: file, after: try JSONValue.parse(older.canonical), liveRuns: liveRuns)
    }

    /// Prints what all the files change.
    fileprivate func sayChanges(_ checks: [WorkflowCheck], _ files: [String]) async throws -> [WorkflowProblem] {
        var problems: [WorkflowProblem] = []
        for (file, check) in zip(files, checks) {
            guard let tree = check.tree else { continue }
            problems += try await changes(tree, file, try WorkflowSource.bytes(file))
        }
        for line in ProblemList.lines(problems) { Console.note(line) }
        return problems
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
