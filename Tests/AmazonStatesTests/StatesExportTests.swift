import AmazonStates
import Foundation
import Testing
import WorkflowCore
import WorkflowFiles

@Suite("Definitions become state machines")
struct StatesExportTests {
    private func export(_ yaml: String, name: String = "bridge.yaml") throws -> AmazonStates.Export {
        let check = WorkflowFile.check(yaml, name: name)
        let workflow = try #require(check.workflow, "\(check.errors)")
        return AmazonStates.export(workflow.definition, tree: try JSONValue.parse(workflow.canonical))
    }

    @Test func `a call says all that the other language can, by its whole task`() throws {
        let one = StatesCase(
            "",
            "ask: {title: Makes it, call: make, retry: [{error: busy, policy: both}], catch: [{error: gone, next: done}], next: done}"
        )
        let task = try export(one.yaml).json["States"]?["ask"]
        let expected = try JSONValue.parse(
            #"""
            {"Type": "Task", "Resource": "arn:aws:states:::http:invoke", "Comment": "Makes it",
             "Parameters": {"ApiEndpoint": "https://api.example/v1/things", "Method": "POST",
               "Authentication": {"ConnectionArn": "arn:aws:events:us-east-1:000000000000:connection/api"},
               "RequestBody": {"number.$": "$.number", "fixed": [1, "two"]}},
             "TimeoutSeconds": 15, "Assign": {"session.$": "$.ResponseBody.s", "token.$": "$.ResponseBody.t"},
             "ResultPath": null, "Next": "done",
             "Retry": [
               {"ErrorEquals": ["busy"], "IntervalSeconds": 3, "BackoffRate": 2.0, "MaxDelaySeconds": 60,
                "MaxAttempts": 3, "JitterStrategy": "NONE"},
               {"ErrorEquals": ["States.Http.StatusCode.408", "States.Http.StatusCode.429"], "IntervalSeconds": 1,
                "BackoffRate": 2.0, "MaxDelaySeconds": 60, "MaxAttempts": 5, "JitterStrategy": "FULL"}],
             "Catch": [
               {"ErrorEquals": ["States.Timeout", "States.Http.Socket", "States.Http.StatusCode.500",
                 "States.Http.StatusCode.501", "States.Http.StatusCode.502", "States.Http.StatusCode.503",
                 "States.Http.StatusCode.504", "States.Http.StatusCode.505", "States.Http.StatusCode.506",
                 "States.Http.StatusCode.507", "States.Http.StatusCode.508", "States.Http.StatusCode.510",
                 "States.Http.StatusCode.511", "bad_answer"], "ResultPath": null, "Next": "ask-held"},
               {"ErrorEquals": ["gone"], "ResultPath": null, "Next": "done"},
               {"ErrorEquals": ["States.ALL"], "ResultPath": null, "Next": "failed"}]}
            """#)
        #expect(task == expected, "\(task?.serialized() ?? "")")
    }

    @Test func `texts with values escape what the other language gives a meaning, by a table`() throws {
        for (template, key, value) in [
            ("plain $${x}", "session", "plain ${x}"), ("${input.number}", "session.$", "$.number"),
            ("a ${input.number}", "session.$", "States.Format('a {}', $.number)"),
            (
                "{''} ${run.id}${input.number}", "session.$",
                #"States.Format('\{\'\} {}{}', $$.Execution.Name, $.number)"#
            ),
            (#"\ ${run.organisation}"#, "session.$", #"States.Format('\\ {}', $.organisation)"#),
        ] {
            let one = StatesCase("", "ask: {set: {session: '\(template)'}, next: done}")
            let assigned = try export(one.yaml).json["States"]?["ask"]?["Assign"]
            #expect(assigned == .object([key: .string(value)]), "\(template)")
        }
    }

    @Test(arguments: [
        ("ask: {call: read, next: done}", "values in the path are percent-encoded"),
        ("ask: {call: make, next: done}", "data.token: secret"),
        ("ask: {call: make, next: done}", "POST /things is not safe to send twice"),
        ("ask: {call: look, next: done}", "error busy: a custom name"),
        ("ask: {call: look, next: done}", "waiting for a platform that is down"),
        ("ask: {call: look, next: done}", "Retry-After"),
        ("ask: {call: look, next: done}", "key ${input.number}"),
        ("ask: {call: look, retry: [{error: busy, policy: window}], next: done}", "within 20s becomes 4 retries"),
        ("ask: {call: look, retry: [{error: http.5xx, policy: once}], next: done}", "http.5xx becomes"),
        ("ask: {call: look, catch: [{error: gone, hold: why}], next: done}", "hold for a person with \"why\""),
        ("ask: {call: {request: GET api:/x, ok: [2xx, 404]}, next: done}", "ok (2xx, 404)"),
        (
            "ask: {set: {session: \"${'a' + input.number}\"}, next: done}",
            "state ask: set session: ${'a' + input.number}"
        ),
        ("ask: {pause: 1500ms, next: done}", "the pause of 1500 ms becomes 2 s"),
        ("ask: {choose: [{when: size(input.number) > 3, next: failed}, {next: done}]}", "the branch to failed"),
    ])
    func `what is lost is told, by the lines of definitions that lose it`(_ states: String, _ loss: String) throws {
        let losses = try export(StatesCase("", states).yaml).losses
        #expect(losses.contains { $0.contains(loss) }, "\(losses)")
        #expect(Set(losses).count == losses.count)
    }

    @Test func `what the other language lacks is a loss, by a deadline, an undo and a limit`() throws {
        let one = StatesCase(
            "", "ask: {call: look, undo: {call: look, gone: not_checkable}, next: done}",
            more: "deadline: 3d\nlimits: {live_runs: 5}")
        let yaml = one.yaml.replacing("timeout: 15s}", with: "timeout: 15s, limits: {rate: 30/1m}}")
        let losses = try export(yaml).losses
        #expect(
            losses.contains { $0.hasPrefix("deadline: 3d") } && losses.contains { $0.hasPrefix("state ask: undo") }
                && losses.contains { $0.hasPrefix("limits: live_runs 5 per all") }
                && losses.contains { $0.hasPrefix("service api: limits") },
            "\(losses)")
    }

    @Test func `the shipped definition can be exported, and no secret's name is a value in it`() throws {
        let check = try WorkflowFile.check(
            contentsOf: Repository.root.appendingPathComponent("workflows/whatsapp-number.yaml"))
        let workflow = try #require(check.workflow)
        let export = AmazonStates.export(workflow.definition, tree: try JSONValue.parse(workflow.canonical))
        #expect(export.json["StartAt"] == "requested")
        #expect(try JSONValue.parse(export.text) == export.json)
        #expect(export.text.hasPrefix("{\n  \"Comment\": \"WhatsApp number\",\n"))
        #expect(!export.json.serialized().contains("wpp_master"))
        #expect(export.losses.contains { $0.contains("service wpp: auth") })
        #expect(export.losses.contains { $0.contains("api_key_fingerprint") })
        #expect(export.losses.contains { $0.contains("token_expires_in") })
    }
}
