import Foundation
import Testing
import WorkflowCore

enum Repository {
    /// The top of the repository, from this file's place in it.
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
}

/// What a run does that others can see.
enum RunStep: Equatable, CustomStringConvertible {
    case state(String)
    case wait(Double)
    case end(String)

    var description: String {
        switch self {
        case .state(let name): name
        case .wait(let seconds): "(\(seconds)s)"
        case .end(let word): word
        }
    }
}

/// Runs a case with `decide` and `evolve`; time passes at once, and chance says one half.
struct EngineRun {
    let definition: Definition
    let input: JSONObject
    private var results: [String: [GivenResult]]
    private(set) var steps: [RunStep] = []
    private(set) var output: JSONValue?
    private var state: RunState
    private var now = Instant(microseconds: 1_000_000_000)
    private var attempts: UInt64 = 0
    private let id = Identifier(high: 1, low: 2)

    init(_ definition: Definition, input: JSONObject, results: [String: [GivenResult]]) throws {
        self.definition = definition
        self.input = input
        self.results = results
        let body: JSONObject = [
            "workflow": .string(definition.workflow), "version": .integer(definition.version), "definition": "ab",
            "organisation": "org", "key": "key", "state": .string(definition.start), "input": .object(input),
        ]
        state = try evolve(
            nil, run: id,
            RecordedEvent(
                seq: 1, type: "run.requested", body: body, epoch: 0, attemptId: nil, actor: "sql:test", recordedAt: now)
        )
        steps.append(.state(definition.start))
    }

    mutating func run() throws {
        var trigger = Trigger.claimed
        for _ in 0..<1000 {
            let decision = decide(state, definition, trigger, DecisionContext(now: now, random: 1 << 63))
            for event in decision.events { try record(event) }
            switch decision.next {
            case .call(let planned):
                attempts += 1
                try record(planned.started(attemptId: Identifier(high: 1, low: attempts), timeoutMilliseconds: 1000))
                guard let result = results[planned.state]?.first else { throw Unprepared(state: planned.state) }
                results[planned.state]?.removeFirst()
                trigger = .finished(try attemptResult(result, of: planned.call))
            case .wait(let milliseconds, _):
                steps.append(.wait(Double(milliseconds) / 1000))
                now = now.advanced(byMilliseconds: milliseconds)
                trigger = .proceed
            case .held, .ended:
                steps.append(.end(state.status.rawValue))
                return
            }
        }
        throw Unprepared(state: "it never ends")
    }

    private mutating func record(_ event: NewEvent) throws {
        state = try evolve(
            state, run: id,
            RecordedEvent(
                seq: state.seq + 1, type: event.type.rawValue, body: event.body, epoch: 1, attemptId: event.attemptId,
                actor: "worker:1", recordedAt: now))
        if let name = (event.body["entered"] ?? (event.type == .stateEntered ? event.body["state"] : nil))?.stringValue
        {
            steps.append(.state(name))
        }
        if event.type == .runSucceeded { output = event.body["output"] }
    }

    private func attemptResult(_ result: GivenResult, of call: CallDefinition) throws -> AttemptResult {
        switch result {
        case .error(let name):
            let rule = definition.errors.first { $0.name == name }
            var status = name.hasPrefix("http.") ? Int(name.dropFirst(5)) : nil
            if case .exact(let code)? = rule?.statuses.first { status = code }
            let isRefusal = rule?.outcome == .notDone || status.map { $0 / 100 == 4 } == true
            return AttemptResult(outcome: isRefusal ? .notDone : .unknown, error: name, status: status)
        case .done(let body):
            var scope = ExpressionScope()
            scope["response"] = .json(["status": 200, "body": body])
            var saved = JSONObject()
            var sealed: [SealedReference] = []
            for item in call.save {
                guard case .plain(let value) = try item.template.evaluate(scope) else { continue }
                if definition.variable(item.name)?.isSecret == true {
                    sealed.append(SealedReference(name: item.name, version: 1, fingerprint: "0a", length: 6))
                } else {
                    saved[item.name] = value
                }
            }
            return AttemptResult(outcome: .done, status: 200, saved: saved, sealed: sealed)
        }
    }

    struct Unprepared: Error { let state: String }
}

/// The other language's interpreter, in one process for all cases.
enum StatesInterpreter {
    struct Answer {
        let steps: [RunStep]
        let output: JSONValue?
        /// Why it could not be run.
        let broken: String?
    }

    /// Why it is not here; nil when it is.
    static let absence: String? = {
        do {
            _ = try run(["-c", "import moto.stepfunctions.parser.asl.eval.environment"])
            return nil
        } catch {
            return "python3 with the package moto is not installed, so exported state machines were not run: \(error)"
        }
    }()

    static func run(_ cases: [JSONValue]) throws -> [Answer] {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("states-\(UUID().uuidString).json")
        try Data(JSONValue.array(cases).serialized().utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let script = Repository.root.appendingPathComponent(".ci/run-states")
        let printed = try run([script.path, file.path])
        return try #require(try JSONValue.parse(printed, limits: JSONLimits(bytes: 1 << 24)).arrayValue).map(answer)
    }

    private static func answer(_ json: JSONValue) throws -> Answer {
        if let broken = json["broken"]?.stringValue { return Answer(steps: [], output: nil, broken: broken) }
        let steps: [RunStep] = (json["steps"]?.arrayValue ?? []).compactMap { step in
            if let name = step["state"]?.stringValue { return .state(name) }
            if case .number(let seconds)? = step["wait"] { return .wait(seconds.double) }
            switch (step["end"]?.stringValue, step["error"]?.stringValue) {
            case ("failed", "held"), ("failed", "unknown_outcome"): return .end("held")
            case (let end?, _): return .end(end)
            default: return nil
            }
        }
        return Answer(steps: steps, output: json["output"], broken: nil)
    }

    private static func run(_ arguments: [String]) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["python3"] + arguments
        process.standardInput = FileHandle.nullDevice
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        let bytes = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Failed(status: process.terminationStatus) }
        return String(decoding: bytes, as: UTF8.self)
    }

    struct Failed: Error { let status: Int32 }
}
