import Testing
import Vault
import WorkflowCore

@testable import HTTPActions

@Suite struct JudgingTests {
    /// Performs one call against one answer.
    private func outcome(
        of answer: String, _ change: (inout Setup) throws -> Void = { _ in }
    ) async throws -> ActionOutcome {
        let server = try ScriptedServer(answering: answer)
        var setup = Setup(server)
        try change(&setup)
        let outcome = try await perform(setup)
        #expect(server.requests.count == 1)
        return outcome
    }

    @Test func `a success fills plain variables, and seals secret ones at the run's next version`() async throws {
        let body = #"{"session":"wpp-1","apiKey":"sk-live-0001","n":{"count":3}}"#
        let outcome = try await outcome(of: http("201 Created", body)) {
            $0.save = [
                "session": "${response.body.session}", "api_key": "${response.body.apiKey}",
                "count": "${response.body.n.count}",
            ]
        }
        #expect(outcome.result.outcome == .done)
        #expect(outcome.result.error == nil)
        #expect(outcome.result.status == 201)
        #expect(outcome.result.saved == ["session": "wpp-1", "count": 3])
        #expect(outcome.result.sealed == outcome.sealed.map(\.reference))
        let sealed = try #require(outcome.sealed.first)
        #expect(outcome.sealed.count == 1)
        #expect(sealed.place.scope == .run && sealed.place.scopeId == runId.description)
        #expect(sealed.place.name == "api_key" && sealed.place.version == 2)
        #expect(try vault.open(sealed).revealText() == "sk-live-0001")
        #expect(!outcome.everything.contains("sk-live"))
    }

    @Test(arguments: [
        ("404 Not Found", "http.404", Outcome.notDone, true), ("408 Request Timeout", "http.408", .unknown, true),
        ("409 Conflict", "http.409", .notDone, true), ("429 Too Many Requests", "http.429", .notDone, false),
        ("500 Oops", "http.500", .unknown, true), ("503 Later", "http.503", .unknown, true),
        ("302 Found", "http.302", .unknown, true),
    ])
    func `without a rule the status decides`(status: String, error: String, expected: Outcome, isCounted: Bool)
        async throws
    {
        let outcome = try await outcome(of: http(status, #"{"error":"x"}"#))
        #expect(outcome.result.outcome == expected)
        #expect(outcome.result.error == error)
        #expect(outcome.result.isCounted == isCounted)
    }

    @Test func `named errors are tested in order, by status and condition, before ok`() async throws {
        let rules = [
            try rule("other_text", [.exact(403)], when: "response.body.error == 'Something else'"),
            try rule("key_not_active", [.exact(403)], when: "response.body.error == 'Invalid API key'"),
            try rule("any_403", [.family(4)]),
            try rule("soft_failure", [], when: "response.body.ok == false"),
            try rule("gone", [.exact(410)], outcome: .done),
            try rule("full", [.exact(429)], outcome: .unknown),
        ]
        let cases: [(String, String?, Outcome, Bool)] = [
            (http("403 Forbidden", #"{"error":"Invalid API key"}"#), "key_not_active", .notDone, true),
            (http("403 Forbidden", #"{"error":"Else"}"#), "any_403", .notDone, true),
            (http("200 OK", #"{"ok":false}"#), "soft_failure", .unknown, true),
            (http("200 OK", #"{"ok":true}"#), nil, .done, true),
            (http("500 Oops", #"{"ok":false}"#), "soft_failure", .unknown, true),
        ]
        for (answer, error, expected, isCounted) in cases {
            let outcome = try await outcome(of: answer) { $0.errors = rules }
            #expect(outcome.result.error == error)
            #expect(outcome.result.outcome == expected)
            #expect(outcome.result.isCounted == isCounted)
        }
        let gone = try await outcome(of: http("410 Gone")) {
            $0.errors = [try rule("gone", [.exact(410)], outcome: .done)]
        }
        #expect(gone.result.outcome == .done && gone.result.error == nil && gone.result.status == 410)
        let named = try await outcome(of: http("429 Slow")) { $0.errors = [try rule("full", [.exact(429)])] }
        #expect(named.result.error == "full" && named.result.outcome == .notDone && !named.result.isCounted)
        let declared = try await outcome(of: http("429 Slow")) {
            $0.errors = [try rule("full", [.exact(429)], outcome: .unknown)]
        }
        #expect(declared.result.outcome == .unknown && declared.result.isCounted)
    }

    @Test func `a rule whose condition asks for what is missing does not match; headers and text can be asked too`()
        async throws
    {
        let missing = try await outcome(of: http("403 Forbidden", #"{"message":"no"}"#)) {
            $0.errors = [
                try rule("by_path", when: "response.body.error.code == 7"),
                try rule("by_header", when: "response.headers['x-reason'] == 'quota'"),
            ]
        }
        #expect(missing.result.error == "http.403")
        let header = try await outcome(of: http("403 Forbidden", headers: ["X-Reason": "quota"])) {
            $0.errors = [try rule("by_header", when: "response.headers['x-reason'] == 'quota'")]
        }
        #expect(header.result.error == "by_header")
        let text = try await outcome(of: http("403 Forbidden", "no entry", type: "text/plain")) {
            $0.errors = [try rule("by_text", when: "response.body.contains('entry')")]
        }
        #expect(text.result.error == "by_text")
    }

    @Test func `a refusal that the call takes for success is one`() async throws {
        let outcome = try await outcome(of: http("404 Not Found")) { $0.ok = [.family(2), .exact(404)] }
        #expect(outcome.result.outcome == .done)
        #expect(outcome.result.status == 404)
    }

    @Test(arguments: [
        http("200 OK", "<html>Bad gateway</html>", type: "text/html"), http("200 OK"), http("204 No Content"),
        http("200 OK", "{}"), http("200 OK", #"{"session":7}"#), http("200 OK", #"{"session":null}"#),
        http("200 OK", #"{"session":"s","session":"t"}"#), http("200 OK", #"{"session":"s"#),
        http("200 OK", #"{"session":"s"} x"#), http("200 OK", #"{"session":"a\u0000b"}"#),
        http("200 OK", #"{"session":"\ud800"}"#),
        http("200 OK", String(repeating: "[", count: 5000)), http("200 OK", #"[{"session":"s"}]"#),
    ])
    func `a 2xx answer that does not hold what is to be saved is a bad answer, never a success`(answer: String)
        async throws
    {
        let outcome = try await outcome(of: answer) { $0.save = ["session": "${response.body.session}"] }
        #expect(outcome.result.outcome == .unknown)
        #expect(outcome.result.error == "bad_answer")
        #expect(outcome.result.saved.isEmpty)
        #expect(outcome.detail.contains("session"))
    }

    @Test func `an answer that cannot be read is no success where a rule needs its body`() async throws {
        for answer in [http("200 OK", "{broken"), http("200 OK", "<html>", type: "text/html")] {
            let outcome = try await outcome(of: answer) {
                $0.errors = [try rule("soft_failure", when: "response.body.ok == false")]
            }
            #expect(outcome.result.error == "bad_answer")
            #expect(outcome.detail.contains("soft_failure"))
        }
        let without = try await outcome(of: http("200 OK", "<html>", type: "text/html"))
        #expect(without.result.outcome == .done)
        let empty = try await outcome(of: http("204 No Content")) {
            $0.errors = [try rule("soft_failure", when: "response.body.ok == false")]
        }
        #expect(empty.result.outcome == .done)
    }

    @Test
    func `a key that came with a bad answer, a named error or a 5xx is sealed all the same: it may be shown once`()
        async throws
    {
        let bodies = [
            http("200 OK", #"{"apiKey":"sk-live-0002"}"#), http("500 Oops", #"{"apiKey":"sk-live-0002"}"#),
            http("409 Conflict", #"{"apiKey":"sk-live-0002"}"#),
        ]
        for body in bodies {
            let outcome = try await outcome(of: body) {
                $0.save = ["session": "${response.body.session}", "api_key": "${response.body.apiKey}"]
                $0.errors = [try rule("exists", [.exact(409)])]
            }
            #expect(outcome.result.outcome != .done)
            #expect(try outcome.sealed.map { try vault.open($0).revealText() } == ["sk-live-0002"])
            #expect(outcome.result.sealed.map(\.name) == ["api_key"])
            #expect(!outcome.everything.contains("sk-live"))
        }
    }

    @Test func `an empty key, a plain variable that holds a key's value, and an undeclared variable are bad answers`()
        async throws
    {
        let empty = try await outcome(of: http("200 OK", #"{"apiKey":""}"#)) {
            $0.save = ["api_key": "${response.body.apiKey}"]
        }
        #expect(empty.result.error == "bad_answer" && empty.sealed.isEmpty)
        let echoed = try await outcome(of: http("200 OK", #"{"apiKey":"sk-live-0003","session":"id-sk-live-0003"}"#)) {
            $0.save = ["api_key": "${response.body.apiKey}", "session": "${response.body.session}"]
        }
        #expect(echoed.result.error == "bad_answer" && echoed.result.saved.isEmpty)
        #expect(!echoed.everything.contains("sk-live"))
        let undeclared = try await outcome(of: http("200 OK", #"{"x":"y"}"#)) { $0.save = ["x": "${response.body.x}"] }
        #expect(undeclared.result.error == "bad_answer")
    }

    @Test func `Retry-After is read in both forms and clamped`() async throws {
        let date = "Tue, 15 Nov 1994 08:12:31 GMT"
        let cases: [(KeyValuePairs<String, String>, Int64?)] = [
            (["Retry-After": "120"], 120_000), (["Retry-After": "0"], 0), (["Retry-After": "-5"], 0),
            (["Retry-After": "99999999999999999999"], RetryAfter.longestMilliseconds),
            (["Retry-After": "Tue, 15 Nov 1994 08:13:31 GMT", "Date": date], 60_000),
            (["Retry-After": "Tue, 15 Nov 1994 08:11:31 GMT", "Date": date], 0),
            (["Retry-After": "604801"], RetryAfter.longestMilliseconds),
            (["Retry-After": "Tue, 15 Nov 2094 08:12:31 GMT", "Date": date], RetryAfter.longestMilliseconds),
            (["Retry-After": "Tue, 15 Nov 1994 08:12:31 GMT"], 0),
            (["Retry-After": "soon"], nil), (["Retry-After": "1.5"], nil), ([:], nil),
        ]
        for (headers, expected) in cases {
            let outcome = try await outcome(of: http("429 Too Many Requests", headers: headers))
            #expect(outcome.result.retryAfterMilliseconds == expected)
            #expect(outcome.evidence["retry_after_milliseconds"]?.integerValue == expected)
            #expect(outcome.result.outcome == .notDone && !outcome.result.isCounted)
        }
    }

    @Test func `dates are read in the one current form, and nothing else traps`() {
        #expect(HTTPDate.milliseconds("Sun, 06 Nov 1994 08:49:37 GMT") == 784_111_777_000)
        for text in [
            "", "Sun, 06 Nov 1994 08:49:37 CET", "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Nov 1994 25:49:37 GMT",
            "Sun, 06 Nov 9999999999 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
            "Sun, 06 Nov 1994 08:49 GMT", "é, 06 Nov 1994 08:49:37 GMT",
        ] { #expect(HTTPDate.milliseconds(text) == nil, "\(text)") }
    }
}
