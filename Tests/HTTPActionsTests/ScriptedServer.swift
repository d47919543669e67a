import Foundation
import Glibc
import Synchronization
import Testing

/// A server of plain sockets that does exactly what a test writes down, one thread for each connection.
final class ScriptedServer: Sendable {
    typealias Script = @Sendable (ServerConnection) -> Void

    let port: Int
    private let listener: Int32
    private let received = Mutex<[ReceivedRequest]>([])
    private let accepted = Mutex(0)
    private let ended = Ended()

    /// Complete requests, in the order they came.
    var requests: [ReceivedRequest] { received.withLock { $0 } }
    var connectionCount: Int { accepted.withLock { $0 } }
    var origin: String { isIPv6 ? "http://[::1]:\(port)" : "http://127.0.0.1:\(port)" }
    private let isIPv6: Bool

    init(onIPv6 isIPv6: Bool = false, _ script: @escaping Script) throws {
        let (listener, port) = try isIPv6 ? Self.listenOnIPv6() : Self.listen()
        self.isIPv6 = isIPv6
        self.listener = listener
        self.port = port
        Thread.detachNewThread { [weak self] in
            while true {
                let socket = accept(listener, nil, nil)
                guard socket >= 0 else { break }
                guard let self else {
                    close(socket)
                    break
                }
                self.accepted.withLock { $0 += 1 }
                let connection = ServerConnection(socket) { [weak self] request in
                    self?.received.withLock { $0.append(request) }
                }
                let ended = self.ended
                Thread.detachNewThread {
                    script(connection)
                    connection.end()
                    ended.add()
                }
            }
            // Not before: another server could get the number while this thread still accepts on it.
            close(listener)
        }
    }

    /// Answers every request of a connection in the same way.
    convenience init(onIPv6 isIPv6: Bool = false, answering text: String) throws {
        try self.init(onIPv6: isIPv6) { connection in
            while connection.readRequest() != nil { connection.send(text) }
        }
    }

    deinit {
        shutdown(listener, Int32(SHUT_RDWR))
    }

    /// Waits until the condition holds and every connection so far is over; false when that takes too long.
    func isQuiet(when condition: @escaping @Sendable () -> Bool) async -> Bool {
        await ended.waits { [self] count in condition() && count >= connectionCount }
    }

    /// Connects, sends the text and closes. Connections are accepted in order, so that once this one was
    /// served, no earlier one is still to come.
    func send(_ text: String) throws {
        let client = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(client) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
        address.sin_port = UInt16(port).bigEndian
        let isConnected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(client, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        let bytes = Array(text.utf8)
        try #require(isConnected && Glibc.send(client, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count)
    }

    private static func listen() throws -> (Int32, Int) {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(listener, $0, size) } == 0
        }
        try #require(listener >= 0 && isBound && Glibc.listen(listener, 64) == 0)
        var length = size
        let isNamed = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(listener, $0, &length) } == 0
        }
        try #require(isNamed)
        return (listener, Int(UInt16(bigEndian: address.sin_port)))
    }

    /// Whether this machine has the address ::1.
    static var hasIPv6: Bool {
        guard let (listener, _) = try? listenOnIPv6() else { return false }
        close(listener)
        return true
    }

    private static func listenOnIPv6() throws -> (Int32, Int) {
        let listener = socket(AF_INET6, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in6()
        address.sin6_family = sa_family_t(AF_INET6)
        address.sin6_addr = in6addr_loopback
        var length = socklen_t(MemoryLayout<sockaddr_in6>.size)
        let isOpen = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && Glibc.listen(listener, 64) == 0
                    && getsockname(listener, $0, &length) == 0
            }
        }
        guard listener >= 0, isOpen else {
            close(listener)
            throw POSIXError(.EADDRNOTAVAIL)
        }
        return (listener, Int(UInt16(bigEndian: address.sin6_port)))
    }

    /// A port of loopback that nobody listens on, held so that nobody else takes it.
    static func refusedPort() throws -> (port: Int, holder: Int32) {
        let (listener, port) = try listen()
        shutdown(listener, Int32(SHUT_RDWR))
        return (port, listener)
    }
}

/// Counts connections that are over.
private final class Ended: Sendable {
    private let condition = NSCondition()
    private let count = Mutex(0)

    func add() {
        count.withLock { $0 += 1 }
        condition.lock()
        condition.broadcast()
        condition.unlock()
    }

    func waits(until holds: @escaping @Sendable (Int) -> Bool) async -> Bool {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread { [self] in
                let limit = Date(timeIntervalSinceNow: 20)
                condition.lock()
                while !holds(count.withLock { $0 }), condition.wait(until: limit) {}
                condition.unlock()
                continuation.resume(returning: holds(count.withLock { $0 }))
            }
        }
    }
}

struct ReceivedRequest: Sendable {
    let head: String
    let body: String

    var line: String { String(head.prefix { $0 != "\r\n" }) }

    /// The value of a header; nil when it is not there exactly once.
    func header(_ name: String) -> String? {
        let prefix = name.lowercased() + ": "
        let lines = head.split(separator: "\r\n").filter { $0.lowercased().hasPrefix(prefix) }
        return lines.count == 1 ? String(lines[0].dropFirst(prefix.count)) : nil
    }
}

final class ServerConnection: Sendable {
    private let socket: Int32
    private let buffer = Mutex<[UInt8]>([])
    private let isOpen = Mutex(true)
    private let note: @Sendable (ReceivedRequest) -> Void

    init(_ socket: Int32, note: @escaping @Sendable (ReceivedRequest) -> Void) {
        self.socket = socket
        self.note = note
        var patience = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    }

    /// The next complete request, by its Content-Length; nil when the client is gone.
    func readRequest() -> ReceivedRequest? {
        while true {
            let text = buffer.withLock { String(decoding: $0, as: UTF8.self) }
            if let end = text.firstRange(of: "\r\n\r\n") {
                let head = String(text[..<end.lowerBound])
                let length = ReceivedRequest(head: head, body: "").header("content-length").flatMap { Int($0) } ?? 0
                let rest = Array(text[end.upperBound...].utf8)
                if rest.count >= length {
                    buffer.withLock { $0 = Array(rest[length...]) }
                    let request = ReceivedRequest(head: head, body: String(decoding: rest[..<length], as: UTF8.self))
                    note(request)
                    return request
                }
            }
            guard let more = readSome() else { return nil }
            buffer.withLock { $0 += more }
        }
    }

    /// Whatever has come; nil when the client is gone.
    func readSome() -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: 16_384)
        let count = recv(socket, &bytes, bytes.count, 0)
        return count > 0 ? Array(bytes.prefix(count)) : nil
    }

    /// Sends all of it; false when the client is gone.
    @discardableResult func send(_ text: String) -> Bool { send(Array(text.utf8)) }

    @discardableResult func send(_ bytes: [UInt8]) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    /// True when the client has closed within the time.
    func isClosed(withinMilliseconds milliseconds: Int32) -> Bool {
        var watched = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
        guard poll(&watched, 1, milliseconds) > 0 else { return false }
        var byte: UInt8 = 0
        return recv(socket, &byte, 1, Int32(MSG_PEEK)) <= 0
    }

    /// Sends an orderly end, and goes on reading.
    func finishSending() { shutdown(socket, Int32(SHUT_WR)) }

    /// Ends with a reset instead of an orderly end.
    func reset() {
        var hard = linger(l_onoff: 1, l_linger: 0)
        setsockopt(socket, SOL_SOCKET, SO_LINGER, &hard, socklen_t(MemoryLayout<linger>.size))
        end()
    }

    func end() {
        let wasOpen = isOpen.withLock { open in
            defer { open = false }
            return open
        }
        if wasOpen { close(socket) }
    }
}

/// Something that happens once, for threads and tasks to wait for.
final class Signal: Sendable {
    private let semaphore = DispatchSemaphore(value: 0)

    func fire() { semaphore.signal() }

    /// False when it did not happen in time.
    func wait() async -> Bool {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread { continuation.resume(returning: self.waitBlocking()) }
        }
    }

    func waitBlocking() -> Bool { semaphore.wait(timeout: .now() + 20) == .success }
}
