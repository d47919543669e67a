import AmazonStates
import Testing
import WorkflowCore
import WorkflowFiles

@Suite("Exported state machines do what the engine does")
struct StatesDifferenceTests {
    static let input: JSONObject = ["number": "+34600"]

    @Test(.enabled(if: isHere(), "moto is absent"))
    func `the same states and the same waits, by running each case on both`() throws {
        var machines: [JSONValue] = []
        var runs: [EngineRun] = []
        for item in StatesCase.all {
            let check = WorkflowFile.check(item.yaml, name: "bridge.yaml")
            guard let workflow = check.workflow else {
                Issue.record("\(item.title): \(check.errors)")
                continue
            }
            var run = try EngineRun(workflow.definition, input: Self.input, results: item.results)
            try run.run()
            runs.append(run)
            let tree = try JSONValue.parse(workflow.canonical)
            machines.append([
                "machine": AmazonStates.export(workflow.definition, tree: tree).json, "input": .object(Self.input),
                "results": .object(JSONObject(item.results.map { ($0.key, .array($0.value.map(Self.given))) })),
            ])
        }
        #expect(machines.count >= 20)
        let answers = try StatesInterpreter.run(machines)
        try #require(answers.count == runs.count)
        try #require(runs.count == StatesCase.all.count)
        for (item, (run, answer)) in zip(StatesCase.all, zip(runs, answers)) {
            #expect(answer.broken == nil, "\(item.title)")
            let known = answer.steps.filter { step in
                if case .state(let name) = step { run.definition.state(name) != nil } else { true }
            }
            #expect(known == run.steps, "\(item.title)")
            if let output = run.output, !run.definition.output.isEmpty {
                #expect(answer.output == output, "\(item.title)")
            }
        }
    }

    private static func isHere() -> Bool {
        guard let absence = StatesInterpreter.absence else { return true }
        print("skipped: \(absence)")
        return false
    }

    private static func given(_ result: GivenResult) -> JSONValue {
        switch result {
        case .done(let body): ["value": ["StatusCode": 200, "ResponseBody": body, "Headers": [:]]]
        case .error("timeout"): ["error": "States.Timeout"]
        case .error("connection_lost"): ["error": "States.Http.Socket"]
        case .error(let name) where name.hasPrefix("http."):
            ["error": .string("States.Http.StatusCode.\(name.dropFirst(5))")]
        case .error(let name): ["error": .string(name)]
        }
    }
}
