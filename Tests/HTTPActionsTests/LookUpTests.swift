import Testing
import WorkflowCore

@testable import HTTPActions

/// What a complete answer to a look-up says: ours, nothing, more to read, or nothing that could be believed.
@Suite struct LookUpTests {
    private static let empty = #"{"items":[]}"#
    private static let others = #"{"items":[{"id":"1","ref":"a"},{"id":"2","ref":"b"}]}"#

    private func reconcile(_ pages: LookUpPages?, filter: LookUpFilter = .none) throws -> ReconcileDefinition {
        ReconcileDefinition(
            call: CallDefinition(method: "GET", service: "wpp", path: try template("/things"), isRepeatable: true),
            items: try Expression.parse("response.body.items"),
            condition: try Expression.parse("item.ref == run.id"), save: try named(["session": "${item.id}"]),
            filter: filter, pages: pages)
    }

    private func look(
        _ pages: LookUpPages?, _ answer: String, page: LookUpPage? = nil, secrets: [OpenedSecret] = []
    ) async throws -> (result: AttemptResult, target: String) {
        let server = try ScriptedServer(answering: answer)
        var setup = Setup(server)
        setup.method = "GET"
        setup.query = ["ref": "${run.id}"]
        setup.isRepeatable = true
        setup.reconcile = try reconcile(pages)
        setup.page = page
        setup.secrets = secrets
        let outcome = try await perform(setup)
        return (outcome.result, String(try #require(server.requests.first).line.split(separator: " ")[1]))
    }

    private static func page(_ next: String) -> LookUpPage {
        LookUpPage(number: 2, next: next, listed: 2, firstAt: Instant(microseconds: 0))
    }

    @Test(arguments: [
        #"{"items":[],"next_cursor":"abc"}"#, #"{"items":[],"meta":{"nextPage":2}}"#, #"{"items":[],"has_more":true}"#,
        #"{"items":[],"paging":{"next":"https://x/2"}}"#,
    ])
    func `a list that goes on, of which the definition says not how, proves nothing`(_ body: String) async throws {
        let (result, _) = try await look(nil, http("200 OK", body))
        #expect(result.found == 0 && result.outcome == .done)
        #expect(result.inconclusive?.contains("goes on") == true)
    }

    @Test func `only a 200 tells what is not there, unless the definition lists another status`() async throws {
        for status in ["206 Partial Content", "202 Accepted", "203 Non-Authoritative Information"] {
            let (result, _) = try await look(LookUpPages(.whole), http(status, Self.empty))
            #expect(result.inconclusive?.contains("not 200") == true)
        }
    }

    @Test func `a list that is said to be whole and links to a next page is not believed`() async throws {
        let answer = http("200 OK", Self.others, headers: ["Link": "</things?page=2>; rel=next"])
        #expect(try await look(LookUpPages(.whole), answer).result.inconclusive?.contains("goes on") == true)
    }

    @Test func `a relative link starts from the address that was asked`() async throws {
        let query = http("200 OK", Self.others, headers: ["Link": "<?page=2>; rel=next"])
        #expect(try await look(LookUpPages(.link), query).result.nextPage == "/things?page=2")
        let name = http("200 OK", Self.others, headers: ["Link": "<things?page=2>; rel='next'"])
        #expect(try await look(LookUpPages(.link), name).result.nextPage == "/things?page=2")
    }

    @Test(arguments: [#"{"items":[],"next_cursor":null,"has_more":false,"next":""}"#, empty])
    func `a list that says that it ends is whole`(_ body: String) async throws {
        let (result, _) = try await look(nil, http("200 OK", body))
        #expect(result.found == 0 && result.inconclusive == nil && result.nextPage == nil)
    }

    @Test func `a Link header leads to the next page, and its absence is the end`() async throws {
        let both = #"</things?page=9>; rel="last", </things?page=3>; title="a"; rel="next""#
        let first = try await look(nil, http("200 OK", Self.others, headers: ["Link": both]))
        #expect(first.result.inconclusive?.contains("Link") == true)

        let relative = http("200 OK", Self.others, headers: ["Link": "</things?page=3&ref=x>; rel=next"])
        let second = try await look(LookUpPages(.link), relative)
        #expect(second.result.nextPage == "/things?page=3&ref=x" && second.result.listed == 2)
        let third = try await look(
            LookUpPages(.link), http("200 OK", Self.others), page: Self.page("/things?page=3&ref=x"))
        #expect(third.target == "/things?page=3&ref=x")
        #expect(third.result.nextPage == nil && third.result.inconclusive == nil)

        let elsewhere = http("200 OK", Self.others, headers: ["Link": #"<https://example.org/2>; rel="next""#])
        #expect(try await look(LookUpPages(.link), elsewhere).result.inconclusive == "the next page is on another host")
    }

    @Test(arguments: [
        #"</things?page=2; rel="next""#, #"/things?page=2; rel="next""#, #"</things?page=2> rel="next""#,
        #"</things?page=2>; rel="next"#, #"</things?page=2>; rel="#, #"</things?page=2>; =next"#,
        #"</things?page=1>; rel="prev" </things?page=3>; rel="next""#, "<", "x",
    ])
    func `a Link header that cannot be read proves nothing`(_ header: String) async throws {
        let answer = http("200 OK", Self.others, headers: ["Link": header])
        for pages in [LookUpPages(.link), LookUpPages(.whole), nil] {
            let found = try await look(pages, answer).result
            #expect(found.inconclusive?.contains("Link") == true && found.nextPage == nil, "\(found)")
        }
    }

    @Test(arguments: [
        (#"</things?page=9>; rel="last""#, false),
        (#"</things?page=1>; rel="first", </things?page=9>; rel="last""#, false),
        (#"</things?page=1>; rel="first", </things?page=1>; rel="last""#, true),
        (#"</things?page=2>; rel="last""#, true), (#"</things?page=1>; rel="prev first";"#, true),
        (#"</style.css>; rel=preload; as=style; crossorigin"#, true), ("", true), (", ,", true),
    ])
    func `a last page that is another one, and no way there: the list does not end here`(_ header: String, ends: Bool)
        async throws
    {
        let answer = http("200 OK", Self.others, headers: ["Link": header])
        let found = try await look(LookUpPages(.link), answer, page: Self.page("/things?page=2")).result
        #expect((found.inconclusive == nil) == ends && found.nextPage == nil, "\(found)")
    }

    @Test func `a cursor and a page number go into the query, and end where the list does`() async throws {
        let way = LookUpPages(
            .cursor(query: "cursor", next: try Expression.parse("response.body.next_cursor")))
        let first = try await look(way, http("200 OK", #"{"items":[],"next_cursor":"a b"}"#))
        #expect(first.result.nextPage == "a b" && first.target == "/things?ref=\(runId)")
        let second = try await look(way, http("200 OK", Self.empty), page: Self.page("a b"))
        #expect(second.target == "/things?ref=\(runId)&cursor=a%20b" && second.result.nextPage == nil)

        let numbers = LookUpPages(.number(query: "page", first: 1))
        let one = try await look(numbers, http("200 OK", Self.others))
        #expect(one.target == "/things?ref=\(runId)&page=1" && one.result.nextPage == "2")
        // Fewer items than asked for are no end; none are.
        let two = try await look(numbers, http("200 OK", Self.others), page: Self.page("2"))
        #expect(two.target.hasSuffix("&page=2") && two.result.nextPage == "3")
        #expect(try await look(numbers, http("200 OK", Self.empty), page: Self.page("3")).result.nextPage == nil)
    }

    @Test func `what leads to the next page never carries a secret into the history`() async throws {
        let way = LookUpPages(
            .cursor(query: "cursor", next: try Expression.parse("response.body.next_cursor")))
        let key = try opened("master", "sk-live-0123456789abcdef")
        let (result, _) = try await look(
            way, http("200 OK", #"{"items":[],"next_cursor":"x-sk-live-0123456789abcdef"}"#), secrets: [key])
        #expect(result.nextPage == nil && result.inconclusive?.contains("secret") == true)
    }

    @Test func `one item that is ours is a find on whatever page, and its values are kept`() async throws {
        let body = "{\"items\":[{\"id\":\"1\",\"ref\":\"a\"},{\"id\":\"7\",\"ref\":\"\(runId)\"}],\"next\":\"z\"}"
        let (result, _) = try await look(nil, http("200 OK", body))
        #expect(result.found == 1 && result.saved == ["session": "7"] && result.listed == 2)
    }

    @Test(arguments: [("created", true), ("in-use", false)])
    func `a success says by its definition whether it made the thing`(_ status: String, _ isMade: Bool) async throws {
        let server = try ScriptedServer(answering: http("200 OK", "{\"status\":\"\(status)\"}"))
        var setup = Setup(server)
        setup.made = "response.body.status != 'in-use'"
        #expect(try await perform(setup).result.isMade == isMade)
    }
}
