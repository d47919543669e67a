import Foundation
import Glibc
import Synchronization
import Testing
import WorkflowCore

@testable import HTTPActions

@Suite struct TLSTests {
    @Test func `a server that speaks no TLS gets nothing of the request, and nothing was sent`() async throws {
        let seen = Mutex("")
        let server = try ScriptedServer { connection in
            let hello = connection.readSome() ?? []
            seen.withLock { $0 = String(decoding: hello, as: UTF8.self) }
            connection.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        }
        var setup = Setup(server)
        setup.baseURL = "https://127.0.0.1:\(server.port)"
        setup.auth = .bearer(try template("${secrets.master}"))
        setup.secrets = [try opened("master", "master-canary")]
        let outcome = try await perform(setup)
        #expect(outcome.result.error == "unreachable")
        #expect(outcome.result.outcome == .notDone && !outcome.result.isCounted)
        #expect(outcome.evidence["request_head_sent"] == false)
        #expect(seen.withLock { !$0.isEmpty && !$0.contains("canary") && !$0.contains("POST") })
    }

    @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/openssl")))
    func `the certificate must be trusted and name the host, though the address is dialled`() async throws {
        let server = try await TLSServer(name: "platform.test")
        defer { server.stop() }
        func attempt(_ host: String, trusted: Bool) async throws -> ActionOutcome {
            var setup = Setup(baseURL: "https://\(host):\(server.port)")
            setup.method = "GET"
            setup.path = "/"
            let action = try setup.action()
            return try await withActions(
                resolving(to: "127.0.0.1", trustRootsPath: trusted ? server.certificatePath : nil)
            ) { await $0.perform(action) }
        }
        #expect(try await attempt("platform.test", trusted: true).result.outcome == .done)
        for outcome in [
            try await attempt("platform.test", trusted: false), try await attempt("other.test", trusted: true),
        ] {
            #expect(outcome.result.error == "unreachable")
            #expect(outcome.evidence["request_head_sent"] == false)
        }
    }

    @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/openssl")))
    func `TLS 1.1 is refused`() async throws {
        let server = try await TLSServer(name: "platform.test", options: ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"])
        defer { server.stop() }
        var setup = Setup(baseURL: "https://platform.test:\(server.port)")
        setup.method = "GET"
        let action = try setup.action()
        let outcome = try await withActions(
            resolving(to: "127.0.0.1", trustRootsPath: server.certificatePath)
        ) { await $0.perform(action) }
        #expect(outcome.result.error == "unreachable")
        #expect(outcome.evidence["request_head_sent"] == false)
    }
}

/// OpenSSL's own test server, with a certificate made for a name.
private final class TLSServer: Sendable {
    let port: Int
    let certificatePath: String
    private let folder: String
    private let process: Process

    init(name: String, options: [String] = []) async throws {
        var template = Array("/tmp/turnup-tls-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        certificatePath = folder + "/certificate.pem"
        let maker = Self.process([
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-keyout", folder + "/key.pem", "-out", certificatePath, "-subj", "/CN=\(name)", "-addext",
            "subjectAltName=DNS:\(name)",
        ])
        maker.standardOutput = FileHandle.nullDevice
        try maker.run()
        maker.waitUntilExit()
        try #require(maker.terminationStatus == 0)
        process = Self.process(
            ["s_server", "-accept", "127.0.0.1:0", "-key", folder + "/key.pem", "-cert", certificatePath, "-www"]
                + options)
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        // It says "ACCEPT 127.0.0.1:port" once it listens.
        var text = ""
        while !text.contains("ACCEPT 127.0.0.1:") || !text.hasSuffix("\n") {
            let more = output.fileHandleForReading.availableData
            try #require(!more.isEmpty)
            text += String(decoding: more, as: UTF8.self)
        }
        let digits = text.split(separator: "ACCEPT 127.0.0.1:").last?.prefix { $0.isNumber } ?? ""
        port = try #require(Int(digits))
    }

    private static func process(_ arguments: [String]) -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
        process.arguments = arguments
        process.standardError = FileHandle.nullDevice
        process.standardInput = FileHandle.nullDevice
        return process
    }

    func stop() {
        kill(process.processIdentifier, SIGKILL)
        try? FileManager.default.removeItem(atPath: folder)
    }
}
