import ArgumentParser
import EventStore
import Foundation
import Vault
import WorkflowCore
import WorkflowFiles

extension WorkflowCommand {
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
                // A definition whose only error is that it is not run yet may be wrong in other ways, which the
                // database shows.
                if checks.allSatisfy({ $0.errors.allSatisfy { $0.code == .notRunYet } }) {
                    try await Session.with(database) { session in _ = try await session.sayChanges(checks, files) }
                }
                throw WorkflowTexts.notPublished
            }
            try await Session.with(database) { session in
                let changes = try await session.sayChanges(checks, files)
                if changes.contains(where: { $0.severity == .error }) {
                    throw WorkflowTexts.notPublished
                }
                for workflow in workflows {
                    let answer = try await session.publish(workflow)
                    Console.out(
                        WorkflowTexts.published(
                            workflow.definition.workflow, version: workflow.definition.version,
                            isNew: answer == .published))
                }
            }
        }
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
        let tree = try JSONValue.parse(older.canonical)
        let problems = WorkflowFile.changes(bytes, name: file, after: tree)
        // Only errors say how many runs they are about; a definition without any reads no run.
        guard problems.contains(where: { $0.severity == .error }) else { return problems }
        let liveRuns = try await store.liveRuns(workflow: older.workflow, version: older.version)
        return WorkflowFile.changes(bytes, name: file, after: tree, liveRuns: liveRuns)
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
