import AmazonStates
import Testing
import WorkflowCore
import WorkflowFiles

@Suite("State machines become definitions")
struct StatesImportTests {
    private static let machine = #"""
        {
          "Comment": "Adds a thing",
          "StartAt": "Make it",
          "States": {
            "Make it": {
              "Type": "Task",
              "Resource": "arn:aws:states:::http:invoke",
              "Parameters": {
                "ApiEndpoint.$": "States.Format('https://api.example/v1/{}/a\\{b', $.number)",
                "Method": "POST",
                "Authentication": {"ConnectionArn": "arn:aws:events:eu-west-1:1:connection/main-key/77"},
                "Headers": {"X-Run.$": "$$.Execution.Name"},
                "RequestBody": {"n.$": "$.number", "text": "costs ${5}", "list": [1, {"s.$": "$['number']"}]}
              },
              "TimeoutSeconds": 20,
              "Assign": {"id.$": "$.ResponseBody.items[0]['the id']", "round": 1},
              "ResultPath": null,
              "Retry": [{"ErrorEquals": ["States.Http.StatusCode.429"], "MaxAttempts": 4, "BackoffRate": 1.5,
                         "IntervalSeconds": 3, "MaxDelaySeconds": 9, "JitterStrategy": "FULL"}],
              "Catch": [{"ErrorEquals": ["States.ALL"], "Assign": {"why.$": "$.Error"}, "Next": "Failed"}],
              "Next": "pick"
            },
            "pick": {
              "Type": "Choice",
              "Choices": [
                {"And": [{"Variable": "$id", "IsPresent": true},
                         {"Not": {"Variable": "$id", "StringMatches": "it's \\**"}}], "Next": "wait"},
                {"Variable": "$round", "NumericGreaterThanEquals": 3, "Next": "look"}
              ],
              "Default": "Failed"
            },
            "wait": {"Type": "Wait", "Seconds": 90, "Next": "look"},
            "look": {
              "Type": "Task", "Resource": "arn:aws:states:::http:invoke",
              "Parameters": {"ApiEndpoint": "https://api.example", "Method": "GET"},
              "ResultPath": null, "Retry": [{"ErrorEquals": ["States.Timeout"]}], "Next": "note"
            },
            "note": {"Type": "Pass", "Assign": {"round": 2}, "End": true},
            "Failed": {"Type": "Fail", "Cause": "It did not work"}
          }
        }
        """#

    private func imported(_ text: String) -> AmazonStates.Import {
        AmazonStates.import(Array(text.utf8), name: "flows/add-thing.asl.json")
    }

    @Test func `a state machine becomes the definition that says the same, by its whole tree`() throws {
        let result = imported(Self.machine)
        #expect(result.problems == [])
        let yaml = try #require(result.yaml)
        let any = #"["string", "number", "boolean", "object", "array", "null"]"#
        let expected = try JSONValue.parse(
            #"""
            {"dsl": 1, "workflow": "add-thing", "version": 1, "title": "Adds a thing", "key": "${input.number}",
             "start": "Make-it", "input": {"number": {"type": "string"}},
             "data": {"id": {"type": ANY}, "round": {"type": ANY}, "why": {"type": ANY}}, "secrets": ["main_key"],
             "services": {"api": {"base_url": "https://api.example"}},
             "retries": {
               "policy-1": {"delay": "3s", "backoff": 1.5, "max_delay": "9s", "jitter": "full", "max_attempts": 5},
               "policy-2": {"delay": "1s", "backoff": 2, "max_delay": "31622400s", "jitter": "none", "max_attempts": 4},
               "policy-3": {"max_attempts": 1}},
             "states": {
               "Make-it": {
                 "call": {"request": "POST api:/v1/${input.number}/a{b", "auth": {"bearer": "${secrets.main_key}"},
                   "headers": {"X-Run": "${run.id}"},
                   "body": {"n": "${input.number}", "text": "costs $${5}", "list": [1, {"s": "${input.number}"}]},
                   "save": {"id": "${response.body.items[0]['the id']}", "round": "${1}"}, "timeout": "20s",
                   "repeatable": false},
                 "retry": [{"error": ["http.429"], "policy": "policy-1"}],
                 "catch": [{"error": ["any"], "next": "Failed", "set": {"why": "${error.name}"}}], "next": "pick"},
               "pick": {"choose": [
                 {"when": "(has(data.id)) && (!(data.id.startsWith('it\\'s *')))", "next": "wait"},
                 {"when": "data.round >= 3", "next": "look"}, {"next": "Failed"}]},
               "wait": {"pause": "90s", "next": "look"},
               "look": {"call": {"request": "GET api:/"}, "next": "note",
                 "retry": [{"error": ["timeout"], "policy": "policy-2"}, {"error": ["transient"], "policy": "policy-3"}]},
               "note": {"set": {"round": "${2}"}, "next": "done"},
               "Failed": {"title": "It did not work", "end": "failed"},
               "done": {"end": "succeeded"}}}
            """#.replacing("ANY", with: any))
        #expect(result.losses.contains { $0.contains("\"Make it\" is called Make-it") })
        #expect(result.losses.contains { $0.contains("secret main_key") })
        #expect(result.fileName == "add-thing.yaml")
        let check = WorkflowFile.check(yaml, name: result.fileName)
        #expect(check.errors.map(\.description) == [], "\(yaml)")
        // The rules ask what the state machine left open.
        #expect(check.warnings.contains { $0.code == .lostAnswerWaits })
        let canonical = try #require(check.workflow).canonical
        #expect(canonical == Definition.canonicalText(of: expected), "\(yaml)")
    }

    @Test(arguments: [
        (
            #""Type": "Wait", "Seconds": 90"#, #""Type": "Wait", "SecondsPath": "$.s""#,
            "32:30: E101 \"SecondsPath\""
        ),
        (#""Type": "Wait", "Seconds": 90"#, #""Type": "Parallel""#, "32:22: E102 states of type Parallel"),
        (
            #""Seconds": 90, "Next": "look""#, #""Seconds": 90, "Next": "lok""#,
            "32:53: E201 there is no state \"lok\""
        ),
        (#""Seconds": 90"#, #""Seconds": 1.5"#, "32:41: E102 a Wait state must give Seconds"),
        (#""Default": "Failed""#, #""Comment": "x""#, "23:13: E102 a Choice state without Default"),
        ("NumericGreaterThanEquals", "TimestampEquals", "28:32: E101 the test TimestampEquals"),
        (#""StringMatches": "it's \\**""#, #""StringMatches": "a*b""#, "27:63: E102 of patterns only"),
        (
            #""StartAt": "Make it","#, #""StartAt": "Make it", "QueryLanguage": "JSONata","#,
            "3:42: E102 only the query"
        ),
        ("States.Http.StatusCode.429", "Lambda.Unknown", "18:34: E201 http:invoke never reports"),
        (#""Assign": {"round": 2}"#, #""Result": {"round": 2}"#, "38:30: E101 \"Result\" in a Pass state"),
        (#""Method": "GET"}"#, #""Method": "GET", "Retries": 1}"#, "35:77: E101 \"Retries\" in Parameters"),
        (
            "arn:aws:states:::http:invoke\",\n      \"Parameters\": {\n        \"ApiEndpoint.$\"",
            "arn:aws:lambda:x\",\n      \"Parameters\": {\n        \"ApiEndpoint.$\"",
            "7:19: E102 only the resource"
        ),
        ("$$.Execution.Name", "$$.Task.Token", "12:32: E102 the path $$.Task.Token leads nowhere"),
        (#""ResultPath": null, "Retry""#, #""Retry""#, "33:13: E102 the result would change"),
        ("States.Format('https", "States.Hash('https", "9:26: E102 of the intrinsic functions"),
        (#""Comment": "Adds a thing","#, #""Comment": "Adds a thing",,"#, "2:29: E100 this is no JSON"),
    ])
    func `what is not taken is told with its place, by one change at a time`(
        _ old: String, _ new: String, _ problem: String
    ) throws {
        try #require(Self.machine.contains(old), "there is nothing to change")
        let result = imported(Self.machine.replacing(old, with: new, maxReplacements: 1))
        let printed = result.problems.map(\.description)
        #expect(printed.contains { $0.hasPrefix("flows/add-thing.asl.json:\(problem)") }, "\(printed)")
        #expect(result.yaml == nil)
    }

    @Test
    func `a wait of no time becomes a state that goes straight on, which is told, by a machine that has one`() throws {
        let result = imported(Self.machine.replacing(#""Seconds": 90"#, with: #""Seconds": 0"#, maxReplacements: 1))
        #expect(result.problems == [])
        #expect(result.losses.contains("a Wait state of 0 seconds becomes a state without a pause"))
        let yaml = try #require(result.yaml)
        let tree = try #require(WorkflowFile.check(yaml, name: "add-thing.yaml").tree)
        #expect(tree["states"]?["wait"] == ["next": "look"])
    }

    @Test func `there and back again a definition does the same, by running both with the same results`() throws {
        var count = 0
        for item in StatesCase.all {
            let workflow = try #require(WorkflowFile.check(item.yaml, name: "bridge.yaml").workflow)
            let export = AmazonStates.export(workflow.definition, tree: try JSONValue.parse(workflow.canonical))
            let result = imported(export.json.serialized())
            guard let yaml = result.yaml else {
                // Names of the definition's own are custom errors, which http:invoke never reports.
                #expect(
                    result.problems.allSatisfy { problem in
                        problem.message.contains("never reports")
                            || problem.message.contains("\"Parameters\" in a Pass")
                    }, "\(item.title): \(result.problems)")
                continue
            }
            let check = WorkflowFile.check(yaml, name: "add-thing.yaml")
            guard let back = check.workflow else {
                Issue.record("\(item.title): \(check.errors)\n\(yaml)")
                continue
            }
            var first = try EngineRun(workflow.definition, input: ["number": "+34600"], results: item.results)
            try first.run()
            var second = try EngineRun(back.definition, input: ["number": "+34600", "key": "k"], results: item.results)
            try second.run()
            let known = second.steps.filter { step in
                if case .state(let name) = step { workflow.definition.state(name) != nil } else { true }
            }
            #expect(known == first.steps, "\(item.title)\n\(yaml)")
            count += 1
        }
        #expect(count >= 15)
    }

    @Test func `any text is answered with a definition or with problems, by cutting the machine short everywhere`() {
        let bytes = Array(Self.machine.utf8)
        for length in stride(from: 0, to: bytes.count, by: 7) {
            let result = AmazonStates.import(Array(bytes[..<length]), name: "x.json")
            #expect(result.yaml == nil && !result.problems.isEmpty)
        }
        for text in [
            "{}", "[]", "null", "{\"StartAt\": 1, \"States\": []}", "{\"States\": {\"\": {}}}",
            "{\"States\": {\"a\": 1}}",
        ] {
            let result = imported(text)
            #expect(result.yaml == nil && !result.problems.isEmpty, "\(text)")
        }
    }
}
