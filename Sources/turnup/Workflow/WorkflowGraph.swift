import ArgumentParser
import EventStore
import Foundation
import WorkflowCore
import WorkflowFiles

extension WorkflowCommand {
    struct Schema: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print the JSON Schema of definition files, for completion in editors.",
            discussion: """
                For editors that use yaml-language-server, save it and begin a definition with:
                  # yaml-language-server: $schema=turnup.schema.json

                Example:
                  turnup workflow schema > turnup.schema.json
                """)

        func run() throws {
            let text = WorkflowSchema.text()
            Console.out(text.hasSuffix("\n") ? String(text.dropLast()) : text)
        }
    }

    struct Graph: AsyncParsableCommand {
        enum Format: String, ExpressibleByArgument, CaseIterable {
            case mermaid, dot, svg
        }

        static let configuration = CommandConfiguration(
            abstract: "Draw a definition's states and the ways between them.",
            discussion: """
                Mermaid is shown by many wikis and code hosts; svg needs Graphviz.

                Example:
                  turnup workflow graph workflows/whatsapp-number.yaml
                  turnup workflow graph whatsapp-number --to svg > number.svg
                """)

        @Argument(help: "A YAML file, or the name of a published definition.") var workflow: String
        @Option(help: "mermaid, dot or svg.") var to = Format.mermaid
        @Option(help: ArgumentHelp("Of a published definition; the newest unless named.", valueName: "number"))
        var version: Int?
        @OptionGroup var database: DatabaseOptions

        func run() async throws {
            let graph = WorkflowGraph(try await tree())
            switch to {
            case .mermaid: Console.out(String(graph.mermaid().dropLast()))
            case .dot: Console.out(String(graph.dot().dropLast()))
            case .svg: try Graphviz.drawSVG(graph.dot())
            }
        }

        private func tree() async throws -> JSONValue {
            guard WorkflowSource.isFile(workflow) else {
                return try await Session.with(database) { session in
                    let found = try await session.published(
                        workflow, version: version, hint: WorkflowTexts.listOrFileHint)
                    return try JSONValue.parse(found.canonical)
                }
            }
            let check = try WorkflowSource.check(workflow, mode: .check)
            for line in ProblemList.lines(check.errors) { Console.note(line) }
            guard let tree = check.tree, check.errors.isEmpty else {
                throw WorkflowTexts.notDrawn
            }
            return tree
        }
    }
}

/// Graphviz's `dot`, where it is installed.
private enum Graphviz {
    static func drawSVG(_ text: String) throws {
        guard let program = program() else {
            throw WorkflowTexts.noGraphviz
        }
        // From a file, so that no pipe can break or fill up.
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("turnup-\(UUID().uuidString).dot")
        defer { try? FileManager.default.removeItem(at: file) }
        let process = Process()
        do {
            try Data(text.utf8).write(to: file)
            process.executableURL = program
            process.arguments = ["-Tsvg", file.path]
            try process.run()
        } catch {
            throw WorkflowTexts.notStarted(program.path, (error as NSError).localizedDescription)
        }
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw WorkflowTexts.ended(program.path, status: process.terminationStatus)
        }
    }

    private static func program() -> URL? {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin"
        return path.split(separator: ":").map { URL(fileURLWithPath: String($0)).appendingPathComponent("dot") }
            .first { FileManager.default.isExecutableFile(atPath: $0.path) }
    }
}
