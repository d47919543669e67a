import Testing
import WorkflowCore

@testable import HTTPActions

@Suite(.enabled(if: ScriptedServer.hasIPv6, "this machine has no address ::1"))
struct IPv6Tests {
    @Test func `a base URL with an IPv6 address is called there, and the Host header has the brackets`() async throws {
        for isRepeatable in [false, true] {
            let server = try ScriptedServer(onIPv6: true, answering: http("200 OK", #"{"session":"s"}"#))
            var setup = Setup(server)
            setup.save = ["session": "${response.body.session}"]
            setup.isRepeatable = isRepeatable
            let outcome = try await perform(setup)
            #expect(outcome.result.outcome == .done, "\(outcome.evidenceText)")
            #expect(outcome.evidence["address"] == "::1")
            #expect(outcome.evidence["phases"]?["dns_milliseconds"] == nil)
            #expect(server.requests.first?.header("host") == "[::1]:\(server.port)")
        }
    }

    @Test func `the long form, capital letters and a path prefix lead to the same place`() async throws {
        let server = try ScriptedServer(onIPv6: true, answering: http("200 OK", "{}"))
        for host in ["[0:0:0:0:0:0:0:1]", "[0000:0000::0001]", "[0:0::1]"] {
            let outcome = try await perform(Setup(baseURL: "HTTP://\(host):\(server.port)/v1/"))
            #expect(outcome.result.outcome == .done, "\(host): \(outcome.evidenceText)")
            #expect(outcome.evidence["address"] == "::1")
            #expect(server.requests.last?.line == "POST /v1/things HTTP/1.1")
            #expect(server.requests.last?.header("host") == "\(host):\(server.port)")
        }
    }

    @Test func `a name that leads to an IPv6 address is called there, under its name`() async throws {
        let server = try ScriptedServer(onIPv6: true, answering: http("200 OK", "{}"))
        let action = try Setup(baseURL: "http://platform.test:\(server.port)").action()
        let outcome = try await withActions(resolving(to: "::1")) { await $0.perform(action) }
        #expect(outcome.result.outcome == .done, "\(outcome.evidenceText)")
        #expect(outcome.evidence["address"] == "::1")
        #expect(server.requests.first?.header("host") == "platform.test:\(server.port)")
    }

    @Test
    func `an IPv6 address in a base URL is held against what the service may reach, like any other`() async throws {
        let server = try ScriptedServer(onIPv6: true, answering: http("200 OK", "{}"))
        for rules in [[], [AddressRule.private], [try #require(AddressRule("fd00::/8"))]] {
            var setup = Setup(server)
            setup.allowed = rules
            let outcome = try await perform(setup)
            #expect(outcome.result.error == "address_refused")
            #expect(outcome.detail.contains("::1 is a loopback address"), "\(outcome.detail)")
        }
        // The kernel would connect to 127.0.0.1 by this one.
        var wrapped = Setup(baseURL: "http://[::ffff:127.0.0.1]:\(server.port)")
        wrapped.allowed = [.private]
        #expect(try await perform(wrapped).result.error == "address_refused")
        #expect(server.connectionCount == 0)
    }
}
