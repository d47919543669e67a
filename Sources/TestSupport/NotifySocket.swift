import Foundation
import Glibc
import Synchronization

/// What a service manager listens at: a datagram socket, with all that was said to it.
public final class NotifySocket: Sendable {
    /// One datagram, and when it came.
    public struct Message: Sendable {
        public let lines: [String]
        public let at: ContinuousClock.Instant
    }

    /// For `NOTIFY_SOCKET`.
    public let name: String
    private let descriptor: Int32
    private let heard = Mutex<[Message]>([])
    /// Rings at each datagram.
    public let bell = Bell()

    /// With `isAbstract` the name is one of Linux's own name space and begins with `@`.
    public init(isAbstract: Bool = false) throws {
        let text = "turnup-notify-\(UUID().uuidString.prefix(13))"
        name = isAbstract ? "@" + text : NSTemporaryDirectory() + text
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var bytes = Array(name.utf8)
        if isAbstract { bytes[0] = 0 }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + bytes.count + (isAbstract ? 0 : 1))
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, length) }
        }
        guard bound == 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
        Thread.detachNewThread { self.listen() }
    }

    /// Everything heard so far.
    public var messages: [Message] { heard.withLock { $0 } }

    /// How many datagrams held this line.
    public func count(_ line: String) -> Int { messages.count { $0.lines.contains(line) } }

    /// What was said with this name, in order.
    public func values(_ name: String) -> [String] {
        messages.flatMap(\.lines).filter { $0.hasPrefix(name + "=") }.map { String($0.dropFirst(name.count + 1)) }
    }

    /// Nobody is heard any more.
    public func stop() {
        shutdown(descriptor, Int32(SHUT_RDWR))
        if !name.hasPrefix("@") { unlink(name) }
    }

    private func listen() {
        var buffer = [UInt8](repeating: 0, count: 8192)
        while true {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            guard count > 0 else { break }
            let lines = String(decoding: buffer[0..<count], as: UTF8.self).split(separator: "\n").map(String.init)
            heard.withLock { $0.append(Message(lines: lines, at: .now)) }
            bell.ring()
        }
        close(descriptor)
    }
}
