import Foundation

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// How the server's side of a connection stood after the last read.
enum Ending: Sendable, Equatable {
    case open
    case closed
    case reset
    case timedOut
}

enum RawClientError: Error, Equatable {
    case refused
    case system(CInt)
}

/// What came over the wire, to the byte.
struct WireReply: Sendable {
    var bytes: [UInt8]
    var ending: Ending

    var text: String { String(decoding: bytes, as: UTF8.self) }
    var head: String { text.components(separatedBy: "\r\n\r\n").first ?? "" }
    var body: String {
        guard let end = text.range(of: "\r\n\r\n") else { return "" }
        return String(text[end.upperBound...])
    }
    var status: Int? { text.split(separator: " ").dropFirst().first.flatMap { Int($0) } }

    func header(_ name: String) -> String? {
        let prefix = name.lowercased() + ":"
        let line = head.components(separatedBy: "\r\n").first { $0.lowercased().hasPrefix(prefix) }
        return line.map { String($0.dropFirst(prefix.count)).trimmingCharacters(in: .whitespaces) }
    }

    func field(_ name: String) -> String? {
        let object = try? JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: Any]
        return object?[name] as? String
    }
}

/// A TCP client without an HTTP library, so that a test sees what was really sent. Its calls block, so each
/// has a thread of its own and none of those that the simulator needs.
final class RawClient: Sendable {
    private let descriptor: CInt

    /// Connects to a loopback port.
    init(port: Int) async throws {
        descriptor = try await Self.offThePool {
            #if canImport(Glibc)
                let stream = CInt(SOCK_STREAM.rawValue)
            #else
                let stream = SOCK_STREAM
            #endif
            let descriptor = socket(AF_INET, stream, 0)
            var deadline = timeval(tv_sec: 10, tv_usec: 0)
            setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &deadline, socklen_t(MemoryLayout<timeval>.size))
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = in_port_t(port).bigEndian
            address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
            let result = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            guard result == 0 else {
                let failure: RawClientError = errno == ECONNREFUSED ? .refused : .system(errno)
                close(descriptor)
                throw failure
            }
            return descriptor
        }
    }

    deinit { close(descriptor) }

    /// Leaves at once, as a killed client does.
    func leave() {
        shutdown(descriptor, CInt(SHUT_RDWR))
    }

    func send(_ text: String) async throws {
        try await Self.offThePool { [descriptor] in
            let bytes = Array(text.utf8)
            guard Self.write(descriptor, bytes) == bytes.count else { throw RawClientError.system(errno) }
        }
    }

    func send(_ method: String, _ path: String, body: String = "", headers: [String: String] = [:]) async throws {
        let lines = headers.map { "\($0.key): \($0.value)\r\n" }.joined()
        try await send(
            "\(method) \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\n\(lines)Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
        )
    }

    /// Reads one answer, by its Content-Length; or, with `toTheEnd`, whatever comes until the connection ends.
    func read(toTheEnd: Bool = false) async throws -> WireReply {
        try await Self.offThePool { [descriptor] in
            var reply = WireReply(bytes: [], ending: .open)
            var chunk = [UInt8](repeating: 0, count: 64 * 1024)
            while toTheEnd || !Self.isWhole(reply) {
                let count = recv(descriptor, &chunk, chunk.count, 0)
                if count > 0 {
                    reply.bytes += chunk[..<count]
                } else {
                    reply.ending = count == 0 ? .closed : errno == ECONNRESET ? .reset : .timedOut
                    break
                }
            }
            return reply
        }
    }

    private static func isWhole(_ reply: WireReply) -> Bool {
        guard reply.text.contains("\r\n\r\n") else { return false }
        let length = reply.header("Content-Length").flatMap { Int($0) } ?? 0
        return reply.body.utf8.count >= length
    }

    private static func write(_ descriptor: CInt, _ bytes: [UInt8]) -> Int {
        #if os(Linux)
            Glibc.send(descriptor, bytes, bytes.count, CInt(MSG_NOSIGNAL))
        #else
            Darwin.send(descriptor, bytes, bytes.count, 0)
        #endif
    }

    private static func offThePool<Result: Sendable>(
        _ work: @escaping @Sendable () throws -> Result
    ) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread { continuation.resume(with: Swift.Result { try work() }) }
        }
    }
}
