import AmazonStates
import ArgumentParser
import EventStore
import Foundation
import WorkflowCore
import WorkflowFiles

extension WorkflowCommand {
    struct Export: AsyncParsableCommand {
        enum Format: String, ExpressibleByArgument, CaseIterable {
            case asl
        }

        static let configuration = CommandConfiguration(
            abstract: "Write a definition in another system's language.",
            discussion: """
                asl is the Amazon States Language. What the other language cannot say is told on stderr, one line each.

                Example:
                  turnup workflow export workflows/whatsapp-number.yaml --to asl > number.asl.json
                """)

        @Argument(help: "A YAML file, or the name of a published definition.") var workflow: String
        @Option(help: "asl.") var to = Format.asl
        @Option(help: ArgumentHelp("Of a published definition; the newest unless named.", valueName: "number"))
        var version: Int?
        @OptionGroup var database: DatabaseOptions

        func run() async throws {
            let (definition, tree) = try await source()
            switch to {
            case .asl:
                let export = AmazonStates.export(definition, tree: tree)
                Console.out(export.text)
                for loss in export.losses { Console.note("lost: \(loss)") }
            }
        }

        private func source() async throws -> (Definition, JSONValue) {
            let isFile = workflow.hasSuffix(".yaml") || workflow.hasSuffix(".yml") || workflow.contains("/")
            guard isFile else { return try await published() }
            let check = try WorkflowSource.check(workflow, mode: .check)
            for problem in check.errors { Console.note(problem.description) }
            guard let found = check.workflow else {
                throw CommandFailure.badInput("nothing was exported: correct the errors above first")
            }
            return (found.definition, try JSONValue.parse(found.canonical))
        }

        private func published() async throws -> (Definition, JSONValue) {
            try await Session.with(database) { session in
                guard let found = try await session.store.definition(workflow: workflow, version: version) else {
                    throw StoreError.notPublished(
                        workflow, version: version,
                        hint: "See \"turnup workflow list\"; for a file, give its name with .yaml.")
                }
                let tree = try JSONValue.parse(found.canonical)
                guard let definition = Definition.read(canonical: tree).definition else {
                    throw CommandFailure.failed(
                        "the published definition of \(workflow) cannot be read by this version",
                        hint: "Export it with the version that published it.")
                }
                return (definition, tree)
            }
        }
    }

    struct Import: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write a definition file from a state machine in the Amazon States Language.",
            discussion: """
                Takes tasks of http:invoke, Choice, Wait, Pass, Succeed and Fail, in JSONPath form. The definition goes to \
                stdout; what it says otherwise, and what its rules ask, to stderr. Changes nothing.

                Example:
                  turnup workflow import add-number.json > add-number.yaml
                """)

        @Argument(help: "A JSON file.") var file: String

        func run() throws {
            let found = AmazonStates.import(Array(try InputFile.read(file)), name: file)
            for problem in found.problems { Console.note(problem.description) }
            guard let yaml = found.yaml else { throw ExitCode(2) }
            Console.out(String(yaml.dropLast()))
            for loss in found.losses { Console.note("lost: \(loss)") }
            // The rules of the language ask what the state machine left open.
            for problem in WorkflowFile.check(yaml, name: found.fileName).problems { Console.note(problem.description) }
        }
    }
}
