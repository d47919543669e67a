import Foundation
import Testing
import Vault
import WorkflowCore

@testable import HTTPActions

@Suite struct EvidenceTests {
    @Test func `what is kept of a refusal: phases, headers, ids, clock, digest and its words`() async throws {
        let body = #"{"error":"Invalid API key"}"#
        let date = HTTPDate.now() / 1000 - 90
        let text = Date(timeIntervalSince1970: Double(date)).formatted(
            Date.VerbatimFormatStyle(
                format:
                    "\(weekday: .abbreviated), \(day: .twoDigits) \(month: .abbreviated) \(year: .padded(4)) \(hour: .twoDigits(clock: .twentyFourHour, hourCycle: .zeroBased)):\(minute: .twoDigits):\(second: .twoDigits) GMT",
                locale: Locale(identifier: "en_US_POSIX"), timeZone: .gmt, calendar: Calendar(identifier: .gregorian)))
        let server = try ScriptedServer(
            answering: http(
                "403 Forbidden", body,
                headers: [
                    "Date": text, "X-Request-Id": "prov-77", "Set-Cookie": "canary-cookie",
                    "X-RateLimit-Remaining": "4",
                ]))
        let outcome = try await perform(Setup(server))
        let evidence = outcome.evidence
        #expect(evidence["status"] == 403)
        #expect(evidence["error"] == "http.403")
        #expect(evidence["method"] == "POST")
        #expect(evidence["url"]?.stringValue == server.origin + "/things")
        #expect(evidence["address"] == "127.0.0.1")
        #expect(evidence["request_head_sent"] == true)
        #expect(evidence["provider_request_id"] == "prov-77")
        #expect(evidence["body"] == (try JSONValue.parse(body)))
        #expect(evidence["body_is_cut"] == nil)
        #expect(evidence["body_length"]?.integerValue == Int64(body.utf8.count))
        let digest = vault.bodyDigest(Array(body.utf8)).map { String(format: "%02x", $0) }.joined()
        #expect(evidence["body_digest"]?.stringValue == digest)
        #expect(evidence["headers"]?["x-ratelimit-remaining"] == "4")
        #expect(evidence["headers"]?["set-cookie"] == nil)
        let difference = try #require(evidence["clock_difference_milliseconds"]?.integerValue)
        #expect((-100_000 ... -89_000).contains(difference))
        let phases = try #require(evidence["phases"])
        #expect(phases["dns_milliseconds"] == nil)
        for name in ["connect_milliseconds", "first_byte_milliseconds", "total_milliseconds"] {
            #expect((phases[name]?.integerValue ?? 0) > 0, "\(name)")
        }
    }

    @Test
    func `our own id coming back is no id of the provider; a look-up is timed where there was one`() async throws {
        let server = try ScriptedServer(
            answering: http("500 Oops", headers: ["X-Request-Id": attemptId.description, "CF-Ray": "ray-1"]))
        var setup = Setup(server)
        setup.baseURL = "http://platform.test:\(server.port)"
        let action = try setup.action()
        let outcome = try await withActions(resolving(to: "127.0.0.1")) {
            await $0.perform(action)
        }
        #expect(outcome.evidence["provider_request_id"] == "ray-1")
        #expect((outcome.evidence["phases"]?["dns_milliseconds"]?.integerValue ?? 0) > 0)
        #expect(outcome.evidence["clock_difference_milliseconds"] == nil)
        #expect(outcome.evidence["body"] == nil && outcome.evidence["body_digest"] == nil)
        #expect(outcome.evidence["retry_after_milliseconds"] == nil)
    }

    @Test
    func `no secret is in anything that an attempt leaves, in whatever form the platform sends it back`() async throws {
        let key = "canary/Key+\"4711\""
        let master = "master-canary-0815"
        let secret = "canary-password-99"
        let returned = "returned-canary-31"
        let forms = [
            key, Data(key.utf8).base64EncodedString(), Data("x\(key)".utf8).base64EncodedString(),
            key.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? "",
            key.utf8.map { String(format: "%02x", $0) }.joined(), master, secret, returned,
        ]
        let json = try String(
            decoding: JSONEncoder().encode(["error": forms.joined(separator: " "), "k": returned]), as: UTF8.self)
        for status in ["200 OK", "403 Forbidden", "500 Oops"] {
            let server = try ScriptedServer(
                answering: http(
                    status, json,
                    headers: [
                        "Server": "s \(master)", "X-Request-Id": forms[1], "WWW-Authenticate": "Bearer \(returned)",
                        "Location": "http://h/\(secret)",
                    ]))
            var setup = Setup(server)
            setup.path = "/things/${input.number}"
            setup.auth = .bearer(try template("${secrets.master}"))
            setup.headers = ["X-Key": "${data.api_key}"]
            setup.body = .json(
                try JSONTemplate(parsing: ["apiKey": "${data.api_key}", "password": "${secrets.password}"]))
            setup.save = ["token": "${response.body.k}"]
            setup.secrets = [try opened("master", master), try opened("password", secret)]
            setup.secretData = [try opened("api_key", key, age: 5000)]
            let outcome = try await perform(setup)
            // They did leave, and came back.
            #expect(server.requests.first?.header("authorization") == "Bearer \(master)")
            #expect(server.requests.first?.header("x-key") == key)
            #expect(outcome.evidence["headers"] != nil && outcome.evidence["body"] != nil)
            let everything = outcome.everything.lowercased()
            for form in forms + ["canary"] {
                #expect(!everything.contains(form.lowercased()), "\(status): \(form)")
            }
            #expect(!everything.contains(String(forms[2].dropFirst(4).prefix(8)).lowercased()))
            let used = outcome.evidence["credentials_used"]?.arrayValue ?? []
            #expect(used.compactMap { $0["name"]?.stringValue } == ["master", "password", "api_key"])
            #expect(used.last?["age_milliseconds"] == 5000)
            #expect(used.first?["age_milliseconds"] == nil)
            #expect(used.first?["fingerprint"]?.stringValue == vault.fingerprint(of: Secret(master)).shown)
        }
    }

    @Test func `a key that the platform returns again is recognised by its fingerprint`() async throws {
        let server = try ScriptedServer(answering: http("200 OK", #"{"apiKey":"sk-live-0001","token":"tok-new-1"}"#))
        var setup = Setup(server)
        setup.save = ["api_key": "${response.body.apiKey}", "token": "${response.body.token}"]
        setup.secretData = [try opened("api_key", "sk-live-0001")]
        setup.secrets = [try opened("master", "unused-master")]
        let outcome = try await perform(setup)
        let returned = outcome.evidence["credentials_returned"]?.arrayValue ?? []
        #expect(returned.compactMap { $0["name"]?.stringValue } == ["api_key", "token"])
        #expect(returned.first?["same_as"] == "api_key")
        #expect(returned.last?["same_as"] == nil)
        #expect(returned.first?["fingerprint"]?.stringValue == vault.fingerprint(of: Secret("sk-live-0001")).shown)
        #expect(outcome.evidence["credentials_used"] == nil)
    }

    @Test
    func `of a success, saved plain fields stay and what may be a credential becomes type, length and fingerprint`()
        async throws
    {
        let body =
            #"{"session":"wpp-1","apiKey":"sk-live-0001","other":["undeclared-key-4711-of-2026"],"expiresIn":3600,"ok":true}"#
        let server = try ScriptedServer(answering: http("200 OK", body))
        var setup = Setup(server)
        setup.save = ["session": "${response.body.session}", "api_key": "${response.body.apiKey}"]
        let outcome = try await perform(setup)
        let kept = try #require(outcome.evidence["body"])
        #expect(kept["session"] == "wpp-1")
        #expect(kept["expiresIn"] == 3600)
        #expect(kept["ok"] == true)
        #expect(kept["apiKey"]?["length"] == 12)
        #expect(kept["apiKey"]?["fingerprint"]?.stringValue == outcome.sealed.first?.fingerprint.shown)
        #expect(kept["other"]?.arrayValue?.first?["type"] == "string")
        #expect(!outcome.everything.contains("undeclared-key"))
    }

    @Test func `text of a peer is cut, and nothing in it can act on a terminal, a page or the database`() async throws {
        let hostile = "a\u{0}b\u{1B}[31mc\u{202E}d\u{7F}e\r\nf\u{2028}g" + String(repeating: "é", count: 3000)
        let server = try ScriptedServer(answering: http("500 Oops", hostile, type: "text/plain"))
        let outcome = try await perform(Setup(server))
        let text = try #require(outcome.evidence["body"]?.stringValue)
        #expect(text.hasPrefix("a\\u{0}b\\u{1b}[31mc\\u{202e}d\\u{7f}e\\r\\nf\\u{2028}g"))
        #expect(text.unicodeScalars.count <= 1025)
        #expect(text.hasSuffix("…"))
        #expect(outcome.evidence["body_is_cut"] == true)
        #expect(!JSONValue.object(outcome.evidence).containsNul)
    }

    @Test func `a secret at the edge of an excerpt leaves no part of itself behind`() async throws {
        let key = "sk-live-0123456789abcdef"
        let server = try ScriptedServer(
            answering: http("500 Oops", String(repeating: "x", count: 1010) + key + "tail", type: "text/plain"))
        var setup = Setup(server)
        setup.secretData = [try opened("api_key", key)]
        let outcome = try await perform(setup)
        #expect(outcome.evidence["body"]?.stringValue?.contains("sk-") == false)
    }

    @Test func `invalid UTF-8 in a body or a header is shown as such, and still is JSON`() {
        let text = EvidenceText(masker: Masker([]))
        let shown = text.shown(String(decoding: [0x61, 0xFF, 0xC0, 0x62, 0xED, 0xA0, 0x80], as: UTF8.self))
        #expect(shown.hasPrefix("a\u{FFFD}"))
        #expect((try? JSONValue.parse(JSONValue.string(shown).serialized())) != nil)
    }

    @Test func `a success of very many members is given up in seconds`() async throws {
        let members = (10_000..<40_000).map { "\"k\($0)\":0" }.joined(separator: ",")
        let server = try ScriptedServer(answering: http("200 OK", "{\(members)}"))
        let began = ContinuousClock.now
        let outcome = try await perform(Setup(server))
        #expect(began.duration(to: .now) < .seconds(20))
        #expect(outcome.result.outcome == .done)
        #expect(outcome.evidence["body_is_cut"] == true)
        #expect(outcome.evidence["body_digest"] != nil)
    }

    @Test func `a success too large to keep is cut, with the length and the digest of the whole`() async throws {
        let body = "{\"items\":[" + (0..<2000).map { "\"item-\($0)\"" }.joined(separator: ",") + "]}"
        let server = try ScriptedServer(answering: http("200 OK", body))
        let outcome = try await perform(Setup(server))
        #expect(outcome.evidence["body"]?["items"]?.arrayValue?.first == "item-0")
        #expect(outcome.evidence["body_is_cut"] == true)
        #expect(outcome.evidence["body_length"]?.integerValue == Int64(body.utf8.count))
        #expect(outcome.evidence["body_digest"] != nil)
    }
}
