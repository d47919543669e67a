import Testing
import Vault
import WorkflowCore

@testable import HTTPActions

@Suite("What of an answer stays readable")
struct MaskingRuleTests {
    @Test(arguments: [
        ("apiKey", "x", true), ("API-Key", "x", true), ("wpp_key", "x", true), ("accessToken", "x", true),
        ("refresh_token", "x", true), ("clientSecret", "x", true), ("Password", "x", true), ("pin", "1234", true),
        ("otp", "1", true), ("pairingCode", "ABCD", true), ("verification_code", "1", true),
        ("Authorization", "x", true),
        ("key", "short", false), ("key", "sixteen-letters-", true), ("tokenType", "bearer", false),
        ("keys", "x", false),
        ("status", "starting", false), ("pinned", "x", false), ("hashtag", "x", false),
    ])
    func `a member is secret by its name, by a table`(_ name: String, _ value: String, _ isSecret: Bool) {
        #expect(MaskingRule.namesSecret(name, value: value) == isSecret)
    }

    @Test(arguments: [
        ("Invalid API key", "Invalid API key"),
        ("code 190, try at 2026-12-01T10:40:28Z", "code 190, try at 2026-12-01T10:40:28Z"),
        ("see https://docs.example/v1/errors/limits", "see https://docs.example/v1/errors/limits"),
        ("key sk_live_4eC39HqLyjWDarjtT1zd is dead", "key <#> is dead"),
        ("token=abc&session=s-1", "token=<#>&session=s-1"), (#"{"apiKey":"abc","x":"#, #"{"apiKey":"<#>","x":"#),
        ("eyJhbGciOi.eyJzdWIiOi.c2lnbmF0dXJl", "<#>"),
        ("of 6ba7b810-9dad-11d1-80b4-00c04fd430c8 nothing", "of <#> nothing"),
        ("Internationalizationservice", "Internationalizationservice"), ("", ""),
        ("päßwort: geheim", "päßwort: geheim"),
    ])
    func `prose loses what looks like a credential, and no word`(_ text: String, _ expected: String) {
        #expect(MaskingRule.masked(text) { _ in "<#>" } == expected)
    }

    @Test func `of few possible values no fingerprint is shown, because it could be tried out`() {
        #expect(MaskingRule.possibleBits("123456") < 64)
        #expect(MaskingRule.possibleBits(String(repeating: "7", count: 20)) > 64)
        #expect(MaskingRule.possibleBits("0123456789abcdef") >= 64)
    }

    private func kept(_ status: String, _ body: String, type: String = "application/json") async throws -> JSONObject {
        let server = try ScriptedServer(answering: http(status, body, type: type))
        return try await perform(Setup(server)).evidence
    }

    @Test(arguments: ["200 OK", "403 Forbidden", "500 Oops"])
    func `one rule for every status: states, codes and reasons stay, credentials go`(_ status: String) async throws {
        let body = #"""
            {"status":"starting","error":"Invalid API key","code":190,"session":"wpp_7f3a9c0be1d24c55a8e0",
             "id":"6ba7b810-9dad-11d1-80b4-00c04fd430c8","hash":"6ba7b810-9dad-11d1-80b4-00c04fd430c8","pin":482913,
             "existing":{"apiKey":"sk-old-0001"},"note":"use sk4eC39HqLyjWDarjtT1zd","csrf":"q8Zr2Lk0Vt5Xw1Yb9Nc4"}
            """#
        let kept = try #require(try await kept(status, body)["body"])
        #expect(kept["status"] == "starting" && kept["error"] == "Invalid API key" && kept["code"] == 190)
        #expect(kept["session"] == "wpp_7f3a9c0be1d24c55a8e0")
        #expect(kept["id"] == "6ba7b810-9dad-11d1-80b4-00c04fd430c8")
        #expect(kept["hash"]?["length"] == 36 && kept["hash"]?["fingerprint"]?.stringValue?.count == 8)
        #expect(kept["pin"] == ["type": "number", "length": 6])
        #expect(kept["existing"]?["apiKey"]?["type"] == "string")
        #expect(kept["csrf"]?["length"] == 20)
        let text = kept.serialized()
        for secret in ["sk-old-0001", "sk4eC39", "482913", "q8Zr2Lk0"] { #expect(!text.contains(secret), "\(secret)") }
        #expect(kept["note"]?.stringValue?.hasPrefix("use <") == true)
    }

    @Test func `a body that is too large is kept as far as there is room, and says that it is cut`() async throws {
        let items = (0..<2000).map { #"{"n":\#($0),"status":"open"}"# }.joined(separator: ",")
        let evidence = try await kept("200 OK", "[\(items)]")
        #expect(evidence["body_is_cut"] == true)
        #expect((evidence["body"]?.arrayValue?.count ?? 0) > 50)
        #expect((evidence["body"]?.serialized().utf8.count ?? .max) <= BodyEvidence.treeBytes + 200)
    }

    @Test func `an answer that breaks off in the middle of its JSON shows no value beside a secret's name`()
        async throws
    {
        let text = try #require(
            try await kept("409 Conflict", #"{"error":"exists","existing":{"apiKey":"sk-1","#)["body"]?.stringValue)
        #expect(text.contains("exists") && !text.contains("sk-1"))
    }

    @Test(arguments: [
        ("307 Temporary Redirect", "/elsewhere", Outcome.notDone), ("308 Permanent Redirect", "https://h/x", .notDone),
        ("301 Moved", "https://other.example/things/", .notDone), ("302 Found", "/things", .notDone),
        ("302 Found", "/login", .unknown), ("303 See Other", "/things/1", .unknown), ("301 Moved", "", .unknown),
    ])
    func `a redirect that asks for the same request elsewhere has done nothing; any other may have worked`(
        _ status: String, _ location: String, _ outcome: Outcome
    ) async throws {
        let server = try ScriptedServer(
            answering: http(status, headers: location.isEmpty ? [:] : ["Location": location + "?t=canary#f"]))
        let answer = try await perform(Setup(server))
        #expect(answer.result.outcome == outcome)
        #expect(!answer.everything.contains("canary"))
        if !location.isEmpty { #expect(answer.evidence["headers"]?["location"]?.stringValue == location) }
        var safe = Setup(try ScriptedServer(answering: http(status)))
        safe.method = "GET"
        safe.isRepeatable = true
        #expect(try await perform(safe).result.outcome == .notDone)
    }
}
