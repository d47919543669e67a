import Synchronization
import Testing
import WorkflowCore

@testable import HTTPActions

/// What ends the process ends this one: a trap shows as a crash of the tests.
@Suite struct OddAnswerTests {
    private func outcome(answering text: String, method: String = "POST") async throws -> ActionOutcome {
        let server = try ScriptedServer { connection in
            guard connection.readRequest() != nil else { return }
            connection.send(text)
        }
        var setup = Setup(server)
        setup.method = method
        return try await perform(setup)
    }

    @Test(arguments: ["0", "00", "000", "1", "7", "20", "99", "099", "1000", "20000", "65535", "65536", "99999999999"])
    func `a status that no answer can have is a bad answer, with or without a body`(_ status: String) async throws {
        for rest in ["OK\r\nContent-Length: 0\r\n\r\n", "OK\r\nContent-Length: 2\r\n\r\n{}", "\r\n\r\n{}"] {
            let outcome = try await outcome(answering: "HTTP/1.1 \(status) \(rest)")
            #expect(outcome.result.outcome == .unknown)
            #expect(outcome.result.error == "bad_answer", "\(outcome.evidenceText)")
            #expect(outcome.result.isCounted)
            #expect(outcome.evidence["request_head_sent"] == true)
            #expect(outcome.evidence["phases"]?["total_milliseconds"] != nil)
            #expect(!outcome.detail.isEmpty)
        }
    }

    @Test func `the evidence of a bad answer says which status it had`() async throws {
        let outcome = try await outcome(answering: "HTTP/1.1 099 Odd\r\nContent-Length: 0\r\n\r\n")
        #expect(outcome.detail.contains("status is 99"), "\(outcome.evidenceText)")
    }

    @Test(arguments: [101, 600, 666, 999])
    func `a status that nobody has defined is unknown by its number`(_ status: Int) async throws {
        let outcome = try await outcome(
            answering: "HTTP/1.1 \(status) Odd\r\nConnection: upgrade\r\nUpgrade: none\r\n\r\n")
        #expect(outcome.result.outcome == .unknown)
        #expect(outcome.result.error == "http.\(status)", "\(outcome.evidenceText)")
        #expect(outcome.result.status == status)
    }

    @Test(arguments: [
        "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
        "HTTP/1.1 199 Odd\r\nContent-Length: 5\r\n\r\n",
    ])
    func `notices before the answer are passed over, whatever they hold; without an answer after them it is unknown`(
        _ notice: String
    ) async throws {
        let answered = try await outcome(
            answering: notice + notice + "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        #expect(answered.result.outcome == .done, "\(answered.evidenceText)")
        let alone = try await outcome(answering: notice)
        #expect(alone.result.outcome == .unknown)
        #expect(alone.result.error == "connection_lost", "\(alone.evidenceText)")
    }

    @Test func `no bytes that a platform sends end the process: every answer broken at random ends as some outcome`()
        async throws
    {
        let random = Mutex(SplitMix(state: 11))
        let server = try ScriptedServer { connection in
            while connection.readRequest() != nil {
                guard connection.send(random.withLock { AnswerMutation.next(&$0) }) else { return }
                // Half of the connections end here, so that an answer without an end has one.
                if random.withLock({ $0.below(2) }) == 0 { return }
            }
        }
        let actionsOfKind = try (0..<6).map { number in
            var setup = Setup(server)
            setup.method = ["POST", "GET", "HEAD"][number % 3]
            setup.isRepeatable = number % 2 == 0
            setup.deadlineMilliseconds = 300
            return try setup.action()
        }
        var ended: [String: Int] = [:]
        try await withActions { actions in
            await withTaskGroup(of: String.self) { group in
                for number in 0..<600 {
                    if number >= 16, let name = await group.next() { ended[name, default: 0] += 1 }
                    group.addTask { await actions.perform(actionsOfKind[number % 6]).result.error ?? "done" }
                }
                for await name in group { ended[name, default: 0] += 1 }
            }
        }
        // Otherwise the answers were not the ones that this is about.
        for name in ["done", "bad_answer", "connection_lost", "timeout"] { #expect(ended[name] != nil, "\(ended)") }
    }
}

/// Answers of all kinds with pieces changed, doubled, left out and put in.
private enum AnswerMutation {
    private static let answers = [
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "HTTP/1.0 200 OK\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX-Trailer: t\r\n\r\n",
        "HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: none\r\n\r\nmore",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 500 Again\r\nContent-Length: 0\r\n\r\n",
    ]
    private static let pieces = [
        "\r\n", "\r\n\r\n", "\n", "\r", "\0", "0", "-1", "99", " ", ":", "HTTP/1.1 ", "HTTP/2.0 ", "ffffffffffffffff",
        "Content-Length: 3\r\n", "Transfer-Encoding: chunked\r\n", "Connection: close\r\n", "Upgrade: none\r\n",
        "\u{FF}",
    ]

    static func next(_ random: inout SplitMix) -> [UInt8] {
        var bytes = Array(answers[random.below(answers.count)].utf8)
        for _ in 0..<random.below(4) {
            guard !bytes.isEmpty else { break }
            let place = random.below(bytes.count)
            switch random.below(5) {
            case 0: bytes[place] = UInt8(random.below(256))
            case 1: bytes.remove(at: place)
            case 2: bytes.insert(contentsOf: pieces[random.below(pieces.count)].utf8, at: place)
            case 3: bytes.insert(contentsOf: bytes[place...].prefix(random.below(20)), at: place)
            default: bytes.removeLast(min(bytes.count, random.below(8)))
            }
        }
        return bytes
    }
}

private struct SplitMix {
    var state: UInt64

    mutating func below(_ limit: Int) -> Int {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return Int((mixed ^ (mixed >> 31)) % UInt64(limit))
    }
}
