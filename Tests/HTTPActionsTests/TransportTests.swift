import Glibc
import Synchronization
import Testing
import WorkflowCore

@testable import HTTPActions

@Suite struct TransportTests {
    @Test func `a refused connection is not sent, and spends no attempt`() async throws {
        let (port, holder) = try ScriptedServer.refusedPort()
        defer { close(holder) }
        let outcome = try await perform(Setup(baseURL: "http://127.0.0.1:\(port)"))
        #expect(outcome.result.outcome == .notDone)
        #expect(outcome.result.error == "unreachable")
        #expect(!outcome.result.isCounted)
        #expect(outcome.evidence["request_head_sent"] == false)
        #expect(outcome.evidence["address"] == "127.0.0.1")
        #expect(outcome.evidence["status"] == nil)
        #expect(outcome.detail.lowercased().contains("refused"))
    }

    @Test
    func `a name without an address is not sent: the look-up fails, finds nothing, or takes too long`() async throws {
        let gate = Signal()
        let lookUps: [(@Sendable (String) throws -> [String], String)] = [
            ({ _ in throw LookUpError(description: "Name or service not known") }, "not known"),
            ({ _ in [] }, "no address"),
            (
                { _ in
                    _ = gate.waitBlocking()
                    return []
                }, "deadline"
            ),
        ]
        for (lookUp, expected) in lookUps {
            var setup = Setup(baseURL: "http://platform.test:1")
            if expected == "deadline" { setup.deadlineMilliseconds = 200 }
            let action = try setup.action()
            let outcome = try await withActions(testConfiguration(lookUp: lookUp)) { await $0.perform(action) }
            #expect(outcome.result.error == "unreachable")
            #expect(outcome.result.outcome == .notDone)
            #expect(!outcome.result.isCounted)
            #expect(outcome.detail.contains(expected), "\(outcome.detail)")
        }
        gate.fire()
    }

    @Test func `when one address of a name refuses, the next is dialled, because nothing was sent`() async throws {
        let server = try ScriptedServer(answering: http("200 OK", "{}"))
        var setup = Setup(baseURL: "http://platform.test:\(server.port)")
        setup.allowed = [.loopback]
        let action = try setup.action()
        let outcome = try await withActions(resolving(to: "127.0.0.9", "127.0.0.1")) {
            await $0.perform(action)
        }
        #expect(outcome.result.outcome == .done)
        #expect(outcome.evidence["address"] == "127.0.0.1")
        #expect(server.requests.count == 1)
        #expect(server.requests.first?.header("host") == "platform.test:\(server.port)")
    }

    /// Once the head may have left, every broken exchange is unknown.
    private func expectUnknown(
        _ error: String, status: Int? = nil, deadlineMilliseconds: Int64 = 10_000, detail: String = "",
        _ script: @escaping ScriptedServer.Script, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let reached = Signal()
        let server = try ScriptedServer { connection in
            guard connection.readRequest() != nil else { return }
            reached.fire()
            script(connection)
        }
        var setup = Setup(server)
        setup.body = .json(.literal(["number": "1"]))
        setup.save = ["session": "${response.body.session}"]
        setup.deadlineMilliseconds = deadlineMilliseconds
        let outcome = try await perform(setup)
        #expect(await reached.wait(), sourceLocation: sourceLocation)
        #expect(outcome.result.outcome == .unknown, sourceLocation: sourceLocation)
        #expect(outcome.result.error == error, "\(outcome.evidenceText)", sourceLocation: sourceLocation)
        #expect(outcome.result.isCounted, sourceLocation: sourceLocation)
        #expect(outcome.result.status == status, sourceLocation: sourceLocation)
        #expect(outcome.evidence["request_head_sent"] == true, sourceLocation: sourceLocation)
        #expect(outcome.detail.contains(detail), "\(outcome.detail)", sourceLocation: sourceLocation)
        #expect(server.requests.count == 1, sourceLocation: sourceLocation)
        #expect(server.connectionCount == 1, sourceLocation: sourceLocation)
    }

    @Test
    func `closing without an answer is unknown`() async throws { try await expectUnknown("connection_lost") { _ in } }

    @Test func `a reset without an answer is unknown`() async throws {
        try await expectUnknown("connection_lost") { $0.reset() }
    }

    @Test func `closing within the head is unknown`() async throws {
        try await expectUnknown("connection_lost") { $0.send("HTTP/1.1 200 OK\r\nContent-Le") }
    }

    @Test
    func `closing before the body is as long as it was said to be is unknown, with the status kept`() async throws {
        try await expectUnknown("connection_lost", status: 200, detail: "within the answer") {
            $0.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"session\":\"s\"}")
        }
    }

    @Test func `closing within a chunked body is unknown`() async throws {
        try await expectUnknown("connection_lost", status: 200) {
            $0.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nf\r\n{\"session\":\"s\"}\r\n")
        }
    }

    @Test(arguments: ["", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"ses"])
    func `a lost connection that the definition names has that name, by closing before and within the answer`(
        _ answer: String
    ) async throws {
        let server = try ScriptedServer { connection in
            guard connection.readRequest() != nil else { return }
            if !answer.isEmpty { connection.send(answer) }
        }
        var setup = Setup(server)
        setup.isRepeatable = true
        setup.errors = [try rule("refused", [.exact(403)]), ErrorRule(name: "not_yet", namesLostConnection: true)]
        let outcome = try await perform(setup)
        #expect(outcome.result.outcome == .unknown && outcome.result.error == "not_yet" && outcome.result.isCounted)
        // The head alone is no answer, so no entry for a status takes it, and it tells nothing of the service.
        #expect(outcome.result.status == nil)
        #expect(outcome.detail.hasPrefix("connection_lost: "), "\(outcome.detail)")
        #expect(outcome.evidence["request_head_sent"] == true)
    }

    @Test func `a name for a lost connection takes no answer, and no timeout`() async throws {
        let names = [ErrorRule(name: "not_yet", namesLostConnection: true)]
        for (answer, error) in [("200 OK", nil), ("403 Forbidden", "http.403")] as [(String, String?)] {
            let server = try ScriptedServer(answering: http(answer, "{}"))
            var setup = Setup(server)
            setup.errors = names
            #expect(try await perform(setup).result.error == error)
        }
        let silent = try ScriptedServer { connection in
            while connection.readRequest() != nil {}
        }
        var setup = Setup(silent)
        setup.errors = names
        setup.deadlineMilliseconds = 300
        #expect(try await perform(setup).result.error == "timeout")
    }

    @Test func `a reset within the body is unknown`() async throws {
        try await expectUnknown("connection_lost", status: 200) {
            $0.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"ses")
            $0.reset()
        }
    }

    @Test func `an answer that is no HTTP is a bad answer`() async throws {
        try await expectUnknown("bad_answer") { $0.send("220 smtp.example ESMTP\r\n\r\n\r\n") }
    }

    @Test func `a head beyond 16 KiB is a bad answer`() async throws {
        let filler = (0..<20).map { "X-Filler-\($0): \(String(repeating: "f", count: 1000))\r\n" }.joined()
        try await expectUnknown("bad_answer", status: 200, detail: "16384") {
            $0.send("HTTP/1.1 200 OK\r\n\(filler)Content-Length: 0\r\n\r\n")
        }
    }

    @Test func `a header without an end is a bad answer, long before the deadline`() async throws {
        try await expectUnknown("bad_answer") { connection in
            connection.send("HTTP/1.1 200 OK\r\nX-Endless: ")
            while connection.send(String(repeating: "e", count: 4096)) {}
        }
    }

    @Test func `a body beyond 1 MiB is a bad answer, with and without a length`() async throws {
        try await expectUnknown("bad_answer", status: 200, detail: "1048576") { connection in
            connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            while connection.send("1000\r\n\(String(repeating: "b", count: 4096))\r\n") {}
        }
        try await expectUnknown("bad_answer", status: 200) { connection in
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n")
            while connection.send(String(repeating: "b", count: 4096)) {}
        }
    }

    @Test func `no answer by the deadline is a timeout`() async throws {
        try await expectUnknown("timeout", deadlineMilliseconds: 2000) { _ = $0.isClosed(withinMilliseconds: 10_000) }
    }

    @Test(arguments: [("HTTP/1.1 200 OK\r\nX-Drip: ", nil), ("HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", 200)])
    func `the one deadline also ends an answer that never stops dripping, in its head and in its body`(
        start: String, status: Int?
    ) async throws {
        let drops = Mutex(0)
        try await expectUnknown("timeout", status: status, deadlineMilliseconds: 2000) { connection in
            connection.send(start)
            // The pace of the drip; it ends when the client goes.
            while !connection.isClosed(withinMilliseconds: 10), connection.send("d") { drops.withLock { $0 += 1 } }
        }
        #expect(drops.withLock { $0 } > 3)
    }

    @Test
    func `cancelling while the answer is awaited is unknown; before anything is sent it is not done`() async throws {
        let reached = Signal()
        let server = try ScriptedServer { connection in
            guard connection.readRequest() != nil else { return }
            reached.fire()
            _ = connection.isClosed(withinMilliseconds: 10_000)
        }
        let action = try Setup(server).action()
        try await withActions { actions in
            let sent = Task { await actions.perform(action) }
            #expect(await reached.wait())
            sent.cancel()
            let outcome = await sent.value
            #expect(outcome.result.outcome == .unknown)
            #expect(outcome.result.error == "cancelled")
            #expect(outcome.evidence["request_head_sent"] == true)

            let early = await Task {
                withUnsafeCurrentTask { $0?.cancel() }
                return await actions.perform(action)
            }.value
            #expect(early.result.outcome == .notDone)
            #expect(early.result.error == "cancelled")
            #expect(!early.result.isCounted)
        }
        #expect(server.requests.count == 1)
    }

    @Test func `after shutdown nothing is sent`() async throws {
        let server = try ScriptedServer(answering: http("200 OK"))
        let action = try Setup(server).action()
        let outcome = try await withActions { actions in
            try await actions.shutdown()
            return await actions.perform(action)
        }
        #expect(outcome.result.error == "unreachable")
        #expect(server.connectionCount == 0)
    }

    @Test func `a redirect is not followed, and says where it points without its query`() async throws {
        let other = try ScriptedServer(answering: http("200 OK"))
        let server = try ScriptedServer(
            answering: http("307 Temporary Redirect", headers: ["Location": "\(other.origin)/x?token=canary"]))
        let outcome = try await perform(Setup(server))
        #expect(outcome.result.outcome == .notDone)
        #expect(outcome.result.error == "http.307")
        #expect(server.requests.count == 1)
        #expect(other.connectionCount == 0)
        #expect(outcome.evidence["headers"]?["location"]?.stringValue == other.origin + "/x")
        #expect(!outcome.evidenceText.contains("canary"))
    }

    @Test func `a POST is sent once when the server reads it and closes, on a connection of its own`() async throws {
        let server = try ScriptedServer { connection in
            // The first request of a connection is answered and the connection kept; the second is only read.
            guard connection.readRequest() != nil else { return }
            connection.send(http("200 OK", "{}"))
            _ = connection.readRequest()
        }
        var get = Setup(server)
        get.method = "GET"
        get.isRepeatable = true
        let warm = try get.action()
        let post = try Setup(server).action()
        try await withActions { actions in
            #expect(await actions.perform(warm).result.outcome == .done)
            #expect(await actions.perform(post).result.outcome == .done)
            #expect(await actions.perform(post).result.outcome == .done)
        }
        let posts = server.requests.filter { $0.line.hasPrefix("POST") }
        #expect(posts.count == 2)
        #expect(posts.allSatisfy { $0.header("connection") == "close" })
        #expect(server.connectionCount == 3)
    }

    @Test
    func `a request on a kept connection that the server closes is sent once, and reported as lost`() async throws {
        let server = try ScriptedServer { connection in
            guard connection.readRequest() != nil else { return }
            connection.send(http("200 OK", "{}"))
            _ = connection.readRequest()
        }
        var setup = Setup(server)
        setup.method = "GET"
        setup.isRepeatable = true
        let action = try setup.action()
        // One after the other on one event loop would share a connection; several tries make sure that one does.
        let outcomes = try await withActions { actions in
            var outcomes: [ActionOutcome] = []
            for _ in 0..<16 { outcomes.append(await actions.perform(action)) }
            return outcomes
        }
        let lost = outcomes.filter { $0.result.error == "connection_lost" }
        #expect(!lost.isEmpty)
        #expect(
            lost.allSatisfy { $0.result.outcome == .unknown && $0.evidence["phases"]?["connect_milliseconds"] == nil })
        #expect(server.requests.count == 16)
    }

    @Test func `many actions run at the same time`() async throws {
        let server = try ScriptedServer(answering: http("200 OK", #"{"session":"s"}"#))
        var setup = Setup(server)
        setup.save = ["session": "${response.body.session}"]
        let action = try setup.action()
        try await withActions { actions in
            let done = await withTaskGroup(of: Bool.self) { group in
                for _ in 0..<100 { group.addTask { await actions.perform(action).result.outcome == .done } }
                return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(done == 100)
        }
        #expect(server.requests.count == 100)
    }
}
