import ArgumentParser
import Diagnostics
import EventStore
import Vault
import WorkflowCore

struct Enqueue: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Start a run. The same key and input again answers the run that is there.",
        discussion: """
            Example:
              turnup enqueue whatsapp-number number=+34600111222 --organisation academy --wait

            A value is taken as the type that the workflow declares: text stays text, so +34600111222 keeps its plus. \
            Ctrl-C while waiting ends the waiting, not the run.
            """)

    @Argument(help: "The published workflow.") var workflow: String
    @Argument(help: ArgumentHelp("Its input.", valueName: "name=value")) var input: [String] = []
    @Option(help: "The organisation the run belongs to.") var organisation: String
    @Option(help: ArgumentHelp("The newest unless named.", valueName: "number")) var version: Int?
    @Flag(help: "Wait until the run ends or is held, and show what happens.") var wait = false
    @Flag(help: "Print JSON.") var json = false
    @OptionGroup var database: DatabaseOptions

    func validate() throws {
        if organisation.isEmpty { throw ValidationError("--organisation is empty") }
    }

    func run() async throws {
        try await Session.with(database) { session in
            guard let published = try await session.store.definition(workflow: workflow, version: version) else {
                throw CommandFailure.badInput(
                    "workflow \"\(workflow)\"\(version.map { " version \($0)" } ?? "") is not published",
                    hint: "See \"turnup workflow list\"; publish it with \"turnup workflow publish FILE\".")
            }
            guard let definition = Definition.read(canonical: try JSONValue.parse(published.canonical)).definition
            else {
                throw CommandFailure.failed("the stored definition of \(workflow) cannot be read by this version")
            }
            let values = try InputArguments.parse(input, definition: definition)
            let receipt = try await session.store.enqueue(
                EnqueueRequest(
                    workflow: workflow, organisation: organisation, input: values, version: version,
                    actor: Session.actor))
            try await report(receipt, session)
            try await Readiness.warn(definition, organisation: organisation, session)
            if wait { try await Follower(session: session, json: json).followToEnd(receipt.runId) }
        }
    }

    private func report(_ receipt: EnqueueReceipt, _ session: Session) async throws {
        if json {
            Console.out(
                JSONText.object([("run", .string(receipt.runId.description)), ("created", .bool(receipt.isNew))]))
        } else if wait {
            Console.note("run \(receipt.runId)\(receipt.isNew ? "" : " (was there already)")")
        } else {
            Console.out(receipt.runId.description)
            if !receipt.isNew { Console.note("It was there already, with the same input.") }
        }
    }
}

/// Turns `name=value` into what the definition declares.
enum InputArguments {
    static func parse(_ arguments: [String], definition: Definition) throws -> JSONObject {
        var values = JSONObject()
        for argument in arguments {
            guard let equals = argument.firstIndex(of: "=") else {
                throw CommandFailure.badInput("\"\(argument)\" is not name=value")
            }
            let name = String(argument[..<equals])
            guard let field = definition.input.first(where: { $0.name == name }) else {
                let declared = definition.input.map(\.name).joined(separator: ", ")
                throw CommandFailure.badInput(
                    "\(definition.workflow) has no input \"\(name)\"", hint: "Declared: \(declared).")
            }
            guard values[name] == nil else { throw CommandFailure.badInput("input \"\(name)\" is given twice") }
            let value = try value(String(argument[argument.index(after: equals)...]), field)
            if let problem = field.problem(with: value) { throw CommandFailure.badInput("input \(problem)") }
            values[name] = value
        }
        for field in definition.input where values[field.name] == nil && field.defaultValue == nil {
            throw CommandFailure.badInput(
                "input \"\(field.name)\" is missing", hint: "Give it as \(field.name)=VALUE.")
        }
        return values
    }

    private static func value(_ text: String, _ field: FieldDefinition) throws -> JSONValue {
        if field.kinds.contains(.string) { return .string(text) }
        do throws(JSONError) { return try JSONValue.parse(text) } catch {
            let kinds = field.kinds.map(\.rawValue).joined(separator: " or ")
            throw CommandFailure.badInput("input \"\(field.name)\" must be \(kinds), not \"\(text)\"")
        }
    }
}

/// What is missing makes a run wait; it is said when the run is made.
enum Readiness {
    static func warn(_ definition: Definition, organisation: String, _ session: Session) async throws {
        for service in definition.services where service.baseURL == nil {
            if try await session.store.service(service.name)?.baseURL == nil {
                Console.note(
                    "It will wait: service \(service.name) has no base URL. turnup service set \(service.name) --base-url URL"
                )
            }
        }
        for name in definition.secrets {
            let own = try await session.store.secret(scope: .organisation, scopeId: organisation, name: name)
            let general = try await session.store.secret(scope: .installation, scopeId: "installation", name: name)
            if own == nil, general == nil {
                Console.note("It will wait: the credential \(name) is not set. turnup secret set \(name)")
            }
        }
    }
}
