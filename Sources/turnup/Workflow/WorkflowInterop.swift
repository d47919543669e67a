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
                for loss in export.losses { Console.note(WorkflowTexts.lost(loss)) }
            }
        }

        private func source() async throws -> (Definition, JSONValue) {
            guard WorkflowSource.isFile(workflow) else {
                return try await Session.with(database) { session in
                    let found = try await session.published(
                        workflow, version: version, hint: WorkflowTexts.listOrFileHint)
                    return (try found.definition(), try JSONValue.parse(found.canonical))
                }
            }
            let check = try WorkflowSource.check(workflow, mode: .check)
            for problem in check.errors { Console.note(problem.description) }
            guard let found = check.workflow else {
                throw WorkflowTexts.notExported
            }
            return (found.definition, try JSONValue.parse(found.canonical))
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
            for loss in found.losses { Console.note(WorkflowTexts.lost(loss)) }
            // The rules of the language ask what the state machine left open.
            for problem in WorkflowFile.check(yaml, name: found.fileName).problems { Console.note(problem.description) }
        }
    }
}
