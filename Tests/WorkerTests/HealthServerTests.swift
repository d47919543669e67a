import EventStore
import Foundation
import Glibc
import Synchronization
import Testing
import WorkflowCore

@testable import Worker

/// Health over real sockets, with clients that mean no good.
@Suite("Health server", .timeLimit(.minutes(15)), .serialized)
struct HealthServerTests {
    private let folder = NSTemporaryDirectory() + "turnup-health-\(UUID().uuidString.prefix(8))"
    private var path: String { folder + "/worker.sock" }

    private func with(
        _ address: HealthAddress? = nil, pages: @escaping HealthServer.Pages = Self.pages,
        _ body: (HealthServer) async throws -> Void
    ) async throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let server = try await HealthServer.open(
            address ?? HealthAddress(path), logger: LogBook().logger, pages: pages)
        do { try await body(server) } catch {
            await server.close()
            throw error
        }
        await server.close()
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    private static let pages: HealthServer.Pages = { path in
        switch path {
        case "/live": HealthPage(contentType: "text/plain", body: "yes\n")
        case "/ready": HealthPage(isOK: false, contentType: "text/plain", body: "no\n")
        default: nil
        }
    }

    @Test func `GET answers 200, 503 or 404; other methods are refused; HEAD has no body`() async throws {
        try await with { server in
            func first(_ request: String) async -> String {
                String(await ask(server, request).prefix { $0 != "\r\n" })
            }
            #expect(await first("GET /live HTTP/1.1\r\nHost: x\r\n\r\n") == "HTTP/1.1 200 OK")
            #expect(await ask(server, "GET /live?x=1 HTTP/1.1\r\nHost: x\r\n\r\n").hasSuffix("\r\n\r\nyes\n"))
            #expect(await first("GET /ready HTTP/1.1\r\nHost: x\r\n\r\n") == "HTTP/1.1 503 Service Unavailable")
            #expect(await first("GET /secrets HTTP/1.1\r\nHost: x\r\n\r\n") == "HTTP/1.1 404 Not Found")
            #expect(await first("POST /live HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc").contains("405"))
            #expect(await ask(server, "HEAD /live HTTP/1.1\r\nHost: x\r\n\r\n").hasSuffix("\r\n\r\n"))
        }
    }

    @Test func `it listens at the loopback too, and at nothing else`() async throws {
        try await with(try HealthAddress("127.0.0.1:0")) { server in
            guard case .loopback(_, let port) = server.address else {
                Issue.record("not a port")
                return
            }
            #expect(port > 0)
            #expect(await ask(server, "GET /live HTTP/1.1\r\nHost: x\r\n\r\n").contains(" 200 OK"))
        }
        for text in [
            "0.0.0.0:80", "[::]:80", "10.1.2.3:80", "example.com:80", ":80", "x", "127.0.0.1:70000", "80x", "",
        ] {
            #expect(throws: HealthAddressError.self) { try HealthAddress(text) }
        }
        #expect(throws: HealthAddressError.self) { try HealthAddress("/" + String(repeating: "x", count: 107)) }
        #expect(try HealthAddress("9700") == .loopback(host: "127.0.0.1", port: 9700))
        #expect(try HealthAddress("[::1]:9700") == .loopback(host: "::1", port: 9700))
        #expect(try HealthAddress("localhost:9700").description == "127.0.0.1:9700")
    }

    @Test
    func `a socket that a dead worker left is replaced; a living worker's and a plain file are not`() async throws {
        try await with { _ in
            await #expect(throws: HealthAddressError.self) {
                _ = try await HealthServer.open(HealthAddress(path), logger: LogBook().logger, pages: Self.pages)
            }
        }
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let dead = try #require(connection(nil))
        #expect(withAddress(path) { bind(dead, $0, $1) } == 0)
        close(dead)
        try await with { server in
            #expect(await ask(server, "GET /live HTTP/1.1\r\nHost: x\r\n\r\n").contains(" 200 OK"))
            var facts = stat()
            #expect(stat(path, &facts) == 0 && facts.st_mode & 0o777 == 0o600)
        }
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        #expect(FileManager.default.createFile(atPath: path, contents: Data("mine".utf8)))
        await #expect(throws: HealthAddressError.self) {
            _ = try await HealthServer.open(HealthAddress(path), logger: LogBook().logger, pages: Self.pages)
        }
        try FileManager.default.removeItem(atPath: folder)
    }

    @Test func `garbage, an endless head and half a request end that connection alone`() async throws {
        try await with { server in
            let endless = "GET /live HTTP/1.1\r\nX: " + String(repeating: "x", count: 300_000)
            let pieces = ["\u{16}\u{3}\u{1}\u{0}", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "\r\n\r\n\r\n", endless]
            for piece in pieces {
                let answer = await ask(server, piece + "\r\n\r\n")
                #expect(!answer.contains(" 200 OK"), "\(piece.prefix(20))")
            }
            let half = try #require(connection(server))
            _ = send(half, "GET /live HT")
            #expect(await ask(server, "GET /live HTTP/1.1\r\nHost: x\r\n\r\n").contains(" 200 OK"))
            // A dawdler is closed after some seconds, however often it sends a byte.
            let began = ContinuousClock.now
            let isClosed = await eventually { send(half, "T") < 0 }
            #expect(isClosed && began.duration(to: .now) < .seconds(8))
            close(half)
        }
    }

    @Test
    func `a thousand connections that say nothing: most are closed at once, and when they are gone it answers again`()
        async throws
    {
        try await with { server in
            let crowd = (0..<1000).compactMap { _ in connection(server) }
            #expect(crowd.count > 500)
            // The places of those that stay are free again after some seconds at the latest.
            let isBack = await eventually {
                await ask(server, "GET /live HTTP/1.1\r\nHost: x\r\n\r\n").contains(" 200 OK")
            }
            #expect(isBack)
            for descriptor in crowd { close(descriptor) }
        }
    }

    @Test
    func `the pages of a worker: live and ready with the facts, and metrics that Prometheus can read`() async throws {
        let workshop = try await Workshop()
        let monitor = WorkerMonitor(configuration: workshop.configuration, logger: workshop.log.logger)
        let pages = HealthPages(
            monitor: monitor, store: workshop.store, facts: ["version": "1.2.3"],
            more: { [Metric("turnup_more", .gauge, "More.", 7)] })
        let before = try #require(await pages.page("/ready"))
        #expect(!before.isOK && before.body.contains(#""phase":"starting""#))
        _ = try await workshop.store.healthy.pauseService(
            "wpp", milliseconds: 600_000, reason: "test", by: "person:test")
        try await workshop.withWorker(monitor: monitor) {
            try #require(await eventually { await pages.page("/ready")?.isOK == true })
            // Paused services are asked for every two seconds.
            let isCounted = await eventually {
                await pages.page("/ready")?.body.contains(#""services_paused":1"#) == true
            }
            #expect(isCounted)
            let page = try #require(await pages.page("/live"))
            let body = try #require(try JSONValue.parse(Array(page.body.utf8)).objectValue)
            #expect(page.isOK && body["version"] == "1.2.3" && body["watchdog"] == "fed")
            #expect(body["database_reachable"] == true && body["runs_in_hand"] == 0)
            let metrics = try #require(await pages.page("/metrics"))
            #expect(metrics.body.contains("\nturnup_worker_ready 1.0\n") && metrics.body.hasSuffix("turnup_more 7.0\n"))
            for line in metrics.body.split(separator: "\n") where !line.hasPrefix("#") {
                #expect(line.wholeMatch(of: /[a-z_]+ -?[0-9.e-]+/) != nil, "\(line)")
            }
            #expect(await pages.page("/other") == nil)
        }
    }

    // MARK: A client without manners

    private func connection(_ server: HealthServer?) -> Int32? {
        let isPort = if case .loopback = server?.address { true } else { false }
        let descriptor = socket(isPort ? AF_INET : AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0, let server else { return descriptor >= 0 ? descriptor : nil }
        var limit = timeval(tv_sec: 6, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        let code: Int32
        switch server.address {
        case .socket(let path): code = withAddress(path) { connect(descriptor, $0, $1) }
        case .loopback(_, let port):
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = in_port_t(port).bigEndian
            address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
            code = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
        }
        guard code == 0 else {
            close(descriptor)
            return nil
        }
        return descriptor
    }

    @discardableResult
    private func send(_ descriptor: Int32, _ text: String) -> Int {
        Array(text.utf8).withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
    }

    /// On a thread of its own, because the answers come from those that tests share.
    private func ask(_ server: HealthServer, _ request: String) async -> String {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread { continuation.resume(returning: askNow(server, request)) }
        }
    }

    /// Sends, and reads until the other side closes.
    private func askNow(_ server: HealthServer, _ request: String) -> String {
        guard let descriptor = connection(server) else { return "" }
        defer { close(descriptor) }
        send(descriptor, request)
        var answer: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            guard count > 0 else { break }
            answer += buffer[0..<count]
        }
        return String(decoding: answer, as: UTF8.self)
    }

    private func withAddress(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}
