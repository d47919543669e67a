import ArgumentParser
import EventStore
import WorkflowCore

struct Enqueue: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Start a run, or one for each row of a file. The same key and input again answers the run that is there.",
        discussion: """
            Examples:
              turnup enqueue whatsapp-number number=+34600111222 --organisation academy --wait
              turnup enqueue whatsapp-number --organisation academy --from numbers.csv
              zcat numbers.jsonl.gz | turnup enqueue whatsapp-number --from - --format jsonl

            A value is taken as the type that the workflow declares: text stays text, so +34600111222 keeps its plus. \
            Ctrl-C while waiting ends the waiting, not the run.

            A CSV file has a head line that names the inputs, and may have the columns organisation, due and version. \
            An empty field counts as not given. A JSONL file has the input in each line, or {"input": {...}, \
            "organisation": ..., "due": ..., "version": ...}. Rows that cannot be enqueued are written to \
            FILE.rejected.csv or .jsonl with the reason, the rest goes on, and the exit code is 1. The same file again \
            changes nothing. After Ctrl-C, --resume goes on.

            When the database does not answer in time, the run was not created, or else nobody knows: then the command \
            says so and names an id. The same command with that --id answers the run that is there, or makes it once.

            --instead-of moves the key of a held, failed or cancelled run to the new one, which may be of another \
            workflow: the organisation and the key must be the same. A held run is cancelled by it.
            """)

    @Argument(help: "The published workflow.") var workflow: String
    @Argument(help: ArgumentHelp("Its input.", valueName: "name=value")) var input: [String] = []
    @Option(help: "The organisation the run belongs to.") var organisation: String?
    @Option(help: ArgumentHelp("The newest unless named.", valueName: "number")) var version: Int?
    @Option(
        help: ArgumentHelp(
            "The new run's id, a version 7 UUID. The same id again is the same run, so that an enqueue can be repeated.",
            valueName: "uuid"))
    var id: String?
    @Option(
        help: ArgumentHelp(
            "How long the database may take: 30 s for one run; with --from 300 s for each step.", valueName: "seconds"))
    var timeout: Double?
    @Flag(help: "Wait until the run ends or is held, and show what happens.") var wait = false
    @Flag(help: "Print JSON.") var json = false
    @OptionGroup(title: "In place of another run") var takeover: TakeoverOptions
    @OptionGroup var actor: ActorOption
    @OptionGroup(title: "From a file") var file: EnqueueFileOptions
    @OptionGroup var database: DatabaseOptions

    func validate() throws {
        if let timeout, !(0.1...86_400).contains(timeout) {
            throw TerminalTexts.outOfRange("--timeout", "0.1 to 86400 seconds")
        }
        if let id, Identifier(id) == nil { throw EnqueueTexts.noUUID(id) }
        if organisation?.isEmpty == true { throw TerminalTexts.isEmpty("--organisation") }
        guard file.from != nil else {
            if organisation == nil { throw TerminalTexts.isMissing("--organisation") }
            if file.isUsed { throw EnqueueTexts.needFrom }
            return
        }
        if !input.isEmpty { throw EnqueueTexts.inputFromFile }
        if takeover.run != nil { throw EnqueueTexts.forOneRun("--instead-of") }
        if id != nil { throw EnqueueTexts.forOneRun("--id") }
        if actor.given != nil { throw EnqueueTexts.forOneRun("--actor") }
        if wait { throw EnqueueTexts.waitForOneRun }
    }

    func run() async throws {
        if let from = file.from { return try await run(from: from) }
        guard let organisation else { throw TerminalTexts.isMissing("--organisation") }
        try await Session.with(database) { session in
            let attempt = EnqueueInTime(limit: .seconds(timeout ?? 30), id: id.flatMap { Identifier($0) })
            let (definition, receipt) = try await attempt.run(session) { runId in
                let definition = try await session.definition(workflow: workflow, version: version)
                let values = try InputArguments.parse(input, definition: definition)
                let request = EnqueueRequest(
                    workflow: workflow, organisation: organisation, input: values, version: version, id: runId,
                    takeover: try await takeover.resolved(session), actor: actor.name)
                return (definition, request)
            }
            report(receipt)
            await MissingPrerequisites.warn(definition, organisation: organisation, session)
            if wait { try await RunWatcher(session: session, json: json).followToEnd(receipt.runId) }
        }
    }

    private func run(from path: String) async throws {
        try await Session.with(
            database, connections: max(8, file.connections + 1), queryTimeout: .seconds(timeout ?? 300)
        ) { session in
            let definition = try await session.definition(workflow: workflow, version: version)
            let outcome = try await StopFlag.withSignals { stop in
                try await EnqueueFile(
                    options: file.options(from: path, workflow: workflow, organisation: organisation, version: version),
                    session: session, stop: stop
                ).run()
            }
            let tally = outcome.tally
            if json {
                Console.out(
                    JSONText.object([
                        ("created", .integer(tally.created)), ("existing", .integer(tally.existing)),
                        ("rejected", .integer(tally.rejected)), ("rejected_file", .optional(outcome.rejectedPath)),
                    ]))
            } else {
                Console.out(tally.text)
            }
            if tally.rows > 0, outcome.seconds > 0 {
                Console.note(
                    EnqueueTexts.speed(
                        rows: tally.rows, seconds: Int(outcome.seconds.rounded(.up)),
                        perSecond: Int(Double(tally.rows) / outcome.seconds)))
            }
            await MissingPrerequisites.warn(definition, organisation: organisation, session)
            if let path = outcome.rejectedPath { throw EnqueueTexts.rejected(tally.rejected, in: path) }
        }
    }

    private func report(_ receipt: EnqueueReceipt) {
        if json {
            Console.out(
                JSONText.object([("run", .string(receipt.runId.description)), ("created", .bool(receipt.isNew))]))
        } else if wait {
            let run = receipt.runId.description
            Console.note(receipt.isNew ? EnqueueTexts.isNew(run: run) : EnqueueTexts.wasThere(run: run))
        } else {
            Console.out(receipt.runId.description)
            if !receipt.isNew { Console.note(EnqueueTexts.wasThere) }
        }
    }
}

/// Turns `name=value` into what the definition declares.
enum InputArguments {
    static func parse(_ arguments: [String], definition: Definition) throws -> JSONObject {
        var values = JSONObject()
        for argument in arguments {
            guard argument.contains("=") else { throw EnqueueTexts.notNameValue(argument) }
            let (name, text) = TypedArguments.split(argument)
            guard let field = definition.input.first(where: { $0.name == name }) else {
                throw EnqueueTexts.noInput(name, definition.workflow, declared: definition.input.map(\.name))
            }
            guard values[name] == nil else { throw EnqueueTexts.twice("input", name) }
            values[name] = try TypedArguments.checked(text, field, called: "input")
        }
        for field in definition.input where values[field.name] == nil && field.defaultValue == nil {
            throw CommandFailure.badInput(
                EnqueueTexts.missing(field.name), hint: EnqueueTexts.giveValue(field.name))
        }
        if let problem = InputLimit.problem(with: values) {
            throw CommandFailure.badInput(problem, hint: InputLimit.hint)
        }
        return values
    }
}
