import Testing
import WorkflowCore

@testable import HTTPActions

@Suite struct RenderingTests {
    /// What arrives at the server.
    private func arrival(_ change: (inout Setup) throws -> Void) async throws -> ReceivedRequest {
        let server = try ScriptedServer(answering: http("200 OK", "{}"))
        var setup = Setup(server)
        try change(&setup)
        let outcome = try await perform(setup)
        #expect(outcome.result.outcome == .done, "\(outcome.evidenceText)")
        return try #require(server.requests.first)
    }

    /// The reason why nothing is sent.
    private func refusal(_ change: (inout Setup) throws -> Void) async throws -> String {
        let server = try ScriptedServer(answering: http("200 OK", "{}"))
        var setup = Setup(server)
        try change(&setup)
        let outcome = try await perform(setup)
        #expect(outcome.result.outcome == .notDone)
        #expect(outcome.result.error == "expression")
        #expect(outcome.result.isCounted)
        #expect(outcome.evidence["request_head_sent"] == false)
        #expect(server.connectionCount == 0)
        return outcome.detail
    }

    @Test func `a POST carries its JSON body, credentials, headers and the attempt's id`() async throws {
        let request = try await arrival {
            $0.auth = .bearer(try template("${secrets.master}"))
            $0.secrets = [try opened("master", "master-secret")]
            $0.data = ["client": "c-1"]
            $0.headers = [
                "X-Run": "${run.id} ${run.organisation} ${run.workflow} ${run.version}", "X-None": "${input.none}",
            ]
            $0.input = ["number": "+34600111222", "none": .null]
            $0.body = .json(
                try JSONTemplate(parsing: [
                    "organizationId": "${run.organisation}", "attempt": "${state.attempts}", "state": "${state.name}",
                    "client": "${data.client}", "none": "${input.none}", "key": "${run.key}",
                ]))
        }
        #expect(request.line == "POST /things HTTP/1.1")
        #expect(request.header("authorization") == "Bearer master-secret")
        #expect(request.header("content-type") == "application/json")
        #expect(request.header("accept") == "application/json")
        #expect(request.header("user-agent") == "turnup/test")
        #expect(request.header("x-request-id") == attemptId.description)
        #expect(request.header("x-run") == "\(runId) acme whatsapp-number 3")
        #expect(request.header("x-none") == nil)
        #expect(request.header("accept-encoding") == nil)
        #expect(
            try JSONValue.parse(request.body) == [
                "organizationId": "acme", "attempt": 2, "state": "requested", "client": "c-1", "key": "+34600111222",
            ])
    }

    @Test
    func `a service that refuses unknown headers gets no request id; a base URL's path stays in front`() async throws {
        let request = try await arrival {
            $0.sendsRequestId = false
            $0.baseURL += "/api/v2/"
            $0.path = "/x"
            $0.service = ServiceDefinition(
                name: "wpp", auth: .header(name: "X-Auth", value: try template("service-word")),
                headers: try named(["X-Tenant": "t1", "X-Both": "service"]))
            $0.headers = ["X-Both": "call"]
        }
        #expect(request.line == "POST /api/v2/x HTTP/1.1")
        #expect(request.header("x-request-id") == nil)
        #expect(request.header("x-auth") == "service-word")
        #expect(request.header("x-tenant") == "t1")
        #expect(request.header("x-both") == "call")
    }

    @Test func `a call's own auth replaces the service's; basic is encoded`() async throws {
        let request = try await arrival {
            $0.service = ServiceDefinition(name: "wpp", auth: .bearer(try template("service-word")))
            $0.auth = .basic(user: try template("user"), password: try template("${secrets.word}"))
            $0.secrets = [try opened("word", "pa:ss")]
        }
        #expect(request.header("authorization") == "Basic dXNlcjpwYTpzcw==")
    }

    @Test func `query and form values are encoded, and null ones left out`() async throws {
        let request = try await arrival {
            $0.input = ["text": "a b&c=d+é/?#", "none": .null]
            $0.query = ["q": "${input.text}", "none": "${input.none}", "n": "${state.attempts}"]
            $0.body = .form(try namedJSON(["f": "${input.text}", "none": "${input.none}", "x": "1"]))
        }
        #expect(request.line == "POST /things?q=a%20b%26c%3Dd%2B%C3%A9%2F%3F%23&n=2 HTTP/1.1")
        #expect(request.header("content-type") == "application/x-www-form-urlencoded")
        #expect(request.body == "f=a+b%26c%3Dd%2B%C3%A9%2F%3F%23&x=1")
    }

    @Test func `a value in the path never adds a segment, a query or a host`() async throws {
        let request = try await arrival {
            $0.input = ["id": "a/b?c#d@e:f%2Fg é"]
            $0.path = "/clients/${input.id}/sessions"
        }
        #expect(request.line == "POST /clients/a%2Fb%3Fc%23d%40e%3Af%252Fg%20%C3%A9/sessions HTTP/1.1")
        #expect(request.header("host")?.hasPrefix("127.0.0.1:") == true)
    }

    @Test(arguments: ["..", ".", "../x", "x/..", "..\\x", "a/../b", "", "a\nb", "a\u{0}b"])
    func `a path that leads elsewhere is refused`(value: String) async throws {
        let reason = try await refusal {
            $0.input = ["id": .string(value)]
            $0.path = "/clients/${input.id}"
        }
        #expect(reason.contains("path"))
    }

    @Test func `dots that only literal text and a value make together are refused too`() async throws {
        for path in ["/clients/.${input.dot}", "/clients/%2e${input.dot}/x", "/a/%2E%2E/b"] {
            _ = try await refusal {
                $0.input = ["dot": "."]
                $0.path = path
            }
        }
    }

    @Test(arguments: ["a\r\nX-Evil: 1", "a\nb", "a\rb", "a\u{0}b", "a\u{1B}b"])
    func `a header value with a line break or a control character is refused`(value: String) async throws {
        let reason = try await refusal {
            $0.input = ["v": .string(value)]
            $0.headers = ["X-V": "${input.v}"]
        }
        #expect(reason.contains("X-V"))
        _ = try await refusal {
            $0.auth = .bearer(try template("${secrets.master}"))
            $0.secrets = [try opened("master", value)]
        }
    }

    @Test(arguments: [
        "Host", "content-length", "Transfer-Encoding", "Connection", "", "X Y", "X:Y", "É",
    ])
    func `headers that the client sets, and names that are none, are refused`(name: String) async throws {
        _ = try await refusal { $0.headers = .init(dictionaryLiteral: (name, "x")) }
    }

    @Test
    func `secrets are refused in a URL, and missing or unfit values anywhere; reasons hold no value`() async throws {
        let changes: [(String, (inout Setup) throws -> Void)] = [
            ("path", { $0.path = "/x/${data.api_key}" }),
            ("query q", { $0.query = ["q": "${data.api_key}"] }),
            ("body", { $0.body = .json(try JSONTemplate(parsing: ["a": "${data.missing}"])) }),
            ("auth bearer", { $0.auth = .bearer(try template("${data.missing}")) }),
            ("auth bearer", { $0.auth = .bearer(try template("${input.empty}")) }),
            ("header X-List", { $0.headers = ["X-List": "${input.list}"] }),
            ("query o", { $0.query = ["o": "${input.object}"] }),
            ("method", { $0.method = "get it" }),
        ]
        for (place, change) in changes {
            let reason = try await refusal {
                $0.secretData = [try opened("api_key", "canary-key")]
                $0.input = ["empty": "", "list": ["canary"], "object": ["canary": 1]]
                try change(&$0)
            }
            #expect(reason.hasPrefix(place), "\(reason)")
            #expect(!reason.contains("canary"))
        }
    }
}
