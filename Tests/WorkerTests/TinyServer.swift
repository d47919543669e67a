import Foundation
import Glibc
import Synchronization
import TestSupport
import Testing

/// A platform of plain sockets, one thread for each connection. What it answers is asked for as soon as the
/// head of a request has come, before its body is read.
final class TinyServer: Sendable {
    struct Request: Sendable {
        let path: String
        /// The attempt, by its X-Request-Id.
        let attempt: String
    }

    /// The whole answer; nil closes the connection without one.
    typealias Script = @Sendable (Request) async -> String?

    let port: Int
    private let listener: Int32
    private let script: Script
    private let received = Mutex<[Request]>([])
    /// Rings when a request has come.
    let bell = Bell()

    /// In the order they came.
    var requests: [Request] { received.withLock { $0 } }
    var origin: String { "http://127.0.0.1:\(port)" }

    /// Not listening, it refuses every connection until `open`.
    init(isListening: Bool = true, _ script: @escaping Script) throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, size) == 0 && getsockname(listener, $0, &size) == 0
            }
        }
        try #require(listener >= 0 && isBound)
        self.listener = listener
        self.script = script
        port = Int(UInt16(bigEndian: address.sin_port))
        if isListening { try open() }
    }

    /// From now on connections are accepted.
    func open() throws {
        let (listener, script) = (listener, script)
        try #require(listen(listener, 64) == 0)
        Thread.detachNewThread { [weak self] in
            while true {
                let client = accept(listener, nil, nil)
                guard client >= 0 else { break }
                Thread.detachNewThread { [weak self] in
                    while let text = self?.serve(client, script), Self.send(text, to: client) {}
                    close(client)
                }
            }
            close(listener)
        }
    }

    deinit { shutdown(listener, Int32(SHUT_RDWR)) }

    private func serve(_ client: Int32, _ script: @escaping Script) -> String? {
        var text = ""
        while !text.contains("\r\n\r\n") {
            guard let more = Self.read(client) else { return nil }
            text += more
        }
        let head = text.components(separatedBy: "\r\n\r\n")[0]
        let lines = head.components(separatedBy: "\r\n")
        func header(_ name: String) -> String? {
            lines.first { $0.lowercased().hasPrefix(name + ": ") }.map { String($0.dropFirst(name.count + 2)) }
        }
        let request = Request(
            path: String(lines[0].split(separator: " ")[1]), attempt: header("x-request-id") ?? "")
        received.withLock { $0.append(request) }
        bell.ring()
        let answer = Self.wait { await script(request) }
        var body = text.utf8.count - head.utf8.count - 4
        while body < header("content-length").flatMap({ Int($0) }) ?? 0 {
            guard let more = Self.read(client) else { return nil }
            body += more.utf8.count
        }
        return answer
    }

    private static func read(_ client: Int32) -> String? {
        var bytes = [UInt8](repeating: 0, count: 16_384)
        let count = recv(client, &bytes, bytes.count, 0)
        return count > 0 ? String(decoding: bytes.prefix(count), as: UTF8.self) : nil
    }

    private static func send(_ text: String, to client: Int32) -> Bool {
        let bytes = Array(text.utf8)
        return Glibc.send(client, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count
    }

    private static func wait(_ work: @escaping @Sendable () async -> String?) -> String? {
        let box = Box()
        let done = DispatchSemaphore(value: 0)
        Task {
            let text = await work()
            box.text.withLock { $0 = text }
            done.signal()
        }
        done.wait()
        return box.text.withLock { $0 }
    }

    private final class Box: Sendable { let text = Mutex<String?>(nil) }

    static func json(_ status: String, _ body: String, headers: String = "") -> String {
        "HTTP/1.1 \(status)\r\nContent-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n\(headers)\r\n\(body)"
    }

    /// What a good platform says to the sample workflow.
    static func good(_ request: Request) -> String {
        request.path == "/create"
            ? json("201 Created", #"{"session":"s-1","apiKey":"the-secret-key"}"#)
            : json("200 OK", #"{"token":"the-secret-token"}"#)
    }
}
