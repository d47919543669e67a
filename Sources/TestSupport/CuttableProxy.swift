import Foundation
import Glibc
import Postgres
import Synchronization

/// A unix socket in front of the cluster's that can break the connection at a chosen moment.
public final class CuttableProxy: Sendable {
    public enum Fault: Sendable {
        case none
        /// What the client sends is lost from the piece that contains this text on; both ends are closed.
        case cutBefore(String)
        /// Half of the piece with this text reaches the server; both ends are closed.
        case cutWithin(String)
        /// The piece with this text reaches the server, and both ends are closed without waiting for its answer.
        case cutAfter(String)
        /// The piece with this text reaches the server; its answer is lost and both ends are closed.
        case loseReply(to: String)
        /// Both ends are closed after so many more bytes from the server.
        case cutReply(afterBytes: Int)
        /// Nothing is read or passed on any more, but nothing is closed either.
        case stall
        /// What the server says is thrown away, nothing is closed.
        case swallowReplies
    }

    private struct State {
        var fault = Fault.none
        var isAwaitingReply = false
        var endsAfterOne = false
        var faultCount = 0
        var sockets: Set<Int32> = []
        var isStopped = false
    }

    /// Where the proxy's socket lies: the host to connect to.
    public let directory: String
    private let upstream: String
    private let listener: Int32
    private let state = Mutex(State())

    /// - Parameter socketPath: the socket of the real server.
    public init(to socketPath: String) throws {
        directory = NSTemporaryDirectory() + "turnup-proxy-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        upstream = socketPath
        listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        let bound = withAddress("\(directory)/.s.PGSQL.5432") { bind(listener, $0, $1) }
        guard bound == 0, listen(listener, 64) == 0 else {
            throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO)
        }
        Thread.detachNewThread { self.acceptAll() }
    }

    /// How often the chosen fault has happened; a fault test asserts that it did.
    public var faultCount: Int { state.withLock { $0.faultCount } }

    /// - Parameter once: only the next time; for faults that cut a connection.
    public func set(_ fault: Fault, once: Bool = false) {
        state.withLock {
            $0.fault = fault
            $0.endsAfterOne = once
            $0.isAwaitingReply = false
        }
    }

    /// Ends every connection and removes the socket.
    public func stop() {
        let sockets = state.withLock { state in
            state.isStopped = true
            return state.sockets
        }
        for socket in sockets { shutdown(socket, Int32(SHUT_RDWR)) }
        shutdown(listener, Int32(SHUT_RDWR))
        try? FileManager.default.removeItem(atPath: directory)
    }

    private func acceptAll() {
        while true {
            let client = accept(listener, nil, nil)
            guard client >= 0 else { break }
            let server = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
            guard withAddress(upstream, { connect(server, $0, $1) }) == 0 else {
                close(client)
                close(server)
                continue
            }
            let isStopped = state.withLock { state in
                state.sockets.formUnion([client, server])
                return state.isStopped
            }
            if isStopped { shutdown(client, Int32(SHUT_RDWR)) }
            Thread.detachNewThread { self.relay(client, server) }
        }
        close(listener)
    }

    private func relay(_ client: Int32, _ server: Int32) {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            var descriptors = [
                pollfd(fd: client, events: Int16(POLLIN), revents: 0),
                pollfd(fd: server, events: Int16(POLLIN), revents: 0),
            ]
            guard poll(&descriptors, 2, -1) > 0 else { break }
            if case .stall = state.withLock({ $0.fault }) {
                state.withLock { $0.faultCount += 1 }
                // Held open until the proxy stops; a shut-down socket then reads as ended.
                var hangUp = pollfd(fd: server, events: 0, revents: 0)
                _ = poll(&hangUp, 1, -1)
                break
            }
            let isFromClient = descriptors[0].revents != 0
            let count = read(isFromClient ? client : server, &buffer, buffer.count)
            guard count > 0 else { break }
            let allowed = decide(buffer[0..<count], isFromClient: isFromClient)
            guard writeAll(isFromClient ? server : client, buffer[0..<min(count, allowed.bytes)]) else { break }
            if allowed.isCut { break }
        }
        state.withLock { $0.sockets.subtract([client, server]) }
        close(client)
        close(server)
    }

    /// How many bytes of this piece pass, and whether the connection ends after them.
    private func decide(_ piece: ArraySlice<UInt8>, isFromClient: Bool) -> (bytes: Int, isCut: Bool) {
        state.withLock { state in
            let before = state.faultCount
            defer {
                if state.endsAfterOne, state.faultCount > before { state.fault = .none }
            }
            switch state.fault {
            case .none, .stall: return (piece.count, false)
            case .cutBefore(let text):
                guard isFromClient, piece.contains(text) else { return (piece.count, false) }
                state.faultCount += 1
                return (0, true)
            case .cutWithin(let text):
                guard isFromClient, piece.contains(text) else { return (piece.count, false) }
                state.faultCount += 1
                return (piece.count / 2, true)
            case .cutAfter(let text):
                guard isFromClient, piece.contains(text) else { return (piece.count, false) }
                state.faultCount += 1
                return (piece.count, true)
            case .loseReply(let text):
                if isFromClient {
                    state.isAwaitingReply = state.isAwaitingReply || piece.contains(text)
                    return (piece.count, false)
                }
                guard state.isAwaitingReply else { return (piece.count, false) }
                state.faultCount += 1
                return (0, true)
            case .cutReply(let left):
                guard !isFromClient else { return (piece.count, false) }
                guard piece.count >= left else {
                    state.fault = .cutReply(afterBytes: left - piece.count)
                    return (piece.count, false)
                }
                state.faultCount += 1
                return (left, true)
            case .swallowReplies:
                guard !isFromClient else { return (piece.count, false) }
                state.faultCount += 1
                return (0, false)
            }
        }
    }

    private func writeAll(_ socket: Int32, _ bytes: ArraySlice<UInt8>) -> Bool {
        var rest = bytes
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }
}

extension ArraySlice<UInt8> {
    fileprivate func contains(_ text: String) -> Bool {
        Data(self).range(of: Data(text.utf8)) != nil
    }
}

private func withAddress(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix($0.count - 1)) }
    return withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
        }
    }
}
