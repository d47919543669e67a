import ArgumentParser
import Foundation
import WorkflowCore
import WorkflowFiles

extension WorkflowCommand {
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
            // A file that cannot be read does not hide the problems of the others.
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
                    Console.note(WorkflowTexts.isFine(file, warnings: count))
                }
            }
            if read.count < files.count || problems.contains(where: { $0.severity == .error }) { throw ExitCode(2) }
        }
    }
}
