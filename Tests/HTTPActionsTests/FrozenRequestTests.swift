import Testing
import WorkflowCore

@testable import HTTPActions

/// What an idempotency key holds fast of a request, and what a resend sends.
@Suite struct FrozenRequestTests {
    private static let key = IdempotencyDefinition(
        header: "Idempotency-Key", honouredMilliseconds: 1000, fresh: ["headers.x-try", "query.at", "body.at"])

    private func setup(_ server: ScriptedServer? = nil) throws -> Setup {
        var setup = server.map { Setup($0) } ?? Setup(baseURL: "http://127.0.0.1:1")
        setup.idempotency = Self.key
        setup.auth = .bearer(try template("${secrets.master}"))
        setup.secrets = [try credential("master", "master-1"), try credential("pin", "pin-one-1")]
        setup.query = ["country": "es", "at": "${state.attempts}"]
        setup.headers = ["X-Pin": "${secrets.pin}", "X-Try": "${state.attempts}"]
        setup.service = ServiceDefinition(name: "wpp", headers: try named(["X-Tenant": "t1"]))
        setup.data = ["client": "c-1"]
        setup.body = .json(
            try JSONTemplate(parsing: [
                "client": "${data.client}", "pin": "${secrets.pin}", "at": "${secrets.pin} ${state.attempts}",
                "deep": ["a": ["${data.client}", 1]], "fixed": 7,
            ]))
        return setup
    }

    private func credential(_ name: String, _ value: String, version: Int = 1) throws -> OpenedSecret {
        let opened = try opened(name, value, version: version)
        return OpenedSecret(
            name: name, secret: opened.secret, reference: opened.reference, owner: .organisation)
    }

    private func frozen(_ setup: Setup) async throws -> FrozenRequest {
        let action = try setup.action()
        return try #require(try await withActions { $0.prepare(action) }.frozen)
    }

    @Test func `each part has a digest of its own; auth, the request's id and what is fresh have none`() async throws {
        let frozen = try await frozen(try setup())
        #expect(
            frozen.digests.members.map(\.name).sorted() == [
                "body.client", "body.deep", "body.fixed", "body.pin", "headers.idempotency-key", "headers.x-pin",
                "headers.x-tenant", "method", "path", "query.country",
            ])
        #expect(frozen.digests.members.allSatisfy { $0.value.stringValue?.utf8.count == 32 })
        #expect(Set(frozen.digests.members.compactMap(\.value.stringValue)).count == 10)
        #expect(frozen.secrets == [FrozenRequest.Version(owner: .organisation, name: "pin", version: 1)])
        #expect(frozen.attemptId == attemptId)
    }

    @Test func `the same bytes have the same digests, whatever the attempt, the auth and the fresh parts are`()
        async throws
    {
        let first = try await frozen(try setup())
        var other = try setup()
        other.attemptId = runId
        other.attemptNumber = 9
        other.secrets[0] = try credential("master", "master-2", version: 2)
        // The order in which members are written makes no difference.
        other.body = .json(
            try JSONTemplate(parsing: [
                "deep": ["a": ["${data.client}", 1]], "fixed": 7, "at": "later", "pin": "${secrets.pin}",
                "client": "${data.client}",
            ]))
        let second = try await frozen(other)
        #expect(first.changes(in: second) == [])
    }

    @Test func `what differs differs by its name alone`() async throws {
        let first = try await frozen(try setup())
        func changes(_ change: (inout Setup) throws -> Void) async throws -> [String] {
            var other = try setup()
            try change(&other)
            return first.changes(in: try await frozen(other))
        }
        #expect(try await changes { $0.method = "PUT" } == ["method"])
        #expect(try await changes { $0.baseURL += "/v2" } == ["path"])
        #expect(try await changes { $0.data = ["client": "c-2"] }.sorted() == ["body.client", "body.deep"])
        #expect(
            try await changes { $0.secrets[1] = try credential("pin", "pin-two-2", version: 2) }.sorted() == [
                "body.pin", "headers.x-pin",
            ])
        #expect(try await changes { $0.headers = ["X-Try": "1"] } == ["headers.x-pin"], "a header that is gone")
        #expect(try await changes { $0.query = ["country": "es", "more": "1"] } == ["query.more"])
        #expect(try await changes { $0.stateName = "other" } == ["headers.idempotency-key"])
    }

    @Test func `a form and a body that is no mapping are held fast too`() async throws {
        var form = try setup()
        form.body = .form(try namedJSON(["a": "${data.client}", "none": "${null}"]))
        #expect(
            try await frozen(form).digests.members.map(\.name).filter { $0.hasPrefix("form") } == ["form.a"])
        var list = try setup()
        list.body = .json(try JSONTemplate(parsing: ["${data.client}"]))
        let first = try await frozen(list)
        #expect(first.digests["body"] != nil)
        list.data = ["client": "c-2"]
        #expect(first.changes(in: try await frozen(list)) == ["body"])
    }

    @Test func `a resend sends the older secrets, but the newest in auth and where it is fresh`() async throws {
        let server = try ScriptedServer(answering: http("200 OK", "{}"))
        let first = try setup(server)
        _ = try await perform(first)
        var second = first
        second.secrets = [
            try credential("master", "master-2", version: 2), try credential("pin", "pin-two-2", version: 2),
        ]
        second.frozen = FrozenSecrets(credentials: [first.secrets[1]])
        second.attemptNumber = 3
        let outcome = try await perform(second)
        let requests = server.requests
        try #require(requests.count == 2)
        #expect(requests.map { $0.header("x-pin") } == ["pin-one-1", "pin-one-1"])
        #expect(requests.map { $0.header("authorization") } == ["Bearer master-1", "Bearer master-2"])
        #expect(requests.map { $0.header("x-try") } == ["2", "3"])
        let bodies = try requests.map { try JSONValue.parse($0.body) }
        #expect(bodies.map { $0["pin"] } == ["pin-one-1", "pin-one-1"])
        #expect(bodies.map { $0["at"] } == ["pin-one-1 2", "pin-two-2 3"])
        #expect(try await frozen(first).changes(in: try await frozen(second)) == [])
        // The versions stay those that were sent first.
        #expect(try await frozen(second).secrets.map(\.version) == [1])
        let used = outcome.evidence["credentials_used"]?.arrayValue ?? []
        #expect(used.compactMap { $0["name"]?.stringValue } == ["master", "pin", "pin"])
        #expect(!outcome.everything.contains("pin-one-1") && !outcome.everything.contains("pin-two-2"))
    }

    @Test func `a resend's older variable of the run is sent, and an answer that repeats it is masked`() async throws {
        let server = try ScriptedServer(answering: http("400 Bad Request", #"{"error":"key-of-old is wrong"}"#))
        var setup = try setup(server)
        setup.body = .json(try JSONTemplate(parsing: ["key": "${data.api_key}"]))
        setup.secretData = [try opened("api_key", "key-of-new", version: 2)]
        setup.frozen = FrozenSecrets(data: [try opened("api_key", "key-of-old")])
        let outcome = try await perform(setup)
        #expect(server.requests.first?.body == #"{"key":"key-of-old"}"#)
        #expect(!outcome.everything.contains("key-of-old"))
    }

    @Test func `what was prepared is what is sent, and what could not be put together fails as ever`() async throws {
        let server = try ScriptedServer(answering: http("200 OK", "{}"))
        let first = try setup(server).action()
        var later = try setup(server)
        later.data = ["client": "c-2"]
        let action = try later.action()
        try await withActions { actions in
            var prepared = action
            prepared.prepared = actions.prepare(first)
            #expect("\(actions.prepare(first))" == "<request>")
            #expect(await actions.perform(prepared).result.outcome == .done)
        }
        #expect(try JSONValue.parse(try #require(server.requests.first).body)["client"] == "c-1")

        var broken = try setup(server)
        broken.data = JSONObject()
        let unsendable = try broken.action()
        try await withActions { actions in
            let prepared = actions.prepare(unsendable)
            #expect(prepared.frozen == nil)
            var action = unsendable
            action.prepared = prepared
            let (with, without) = (await actions.perform(action), await actions.perform(unsendable))
            #expect(with.result.error == "expression" && without.result.error == "expression")
            #expect(with.detail == without.detail && with.evidence["request_head_sent"] == false)
        }
        #expect(server.requests.count == 1)
    }
}
