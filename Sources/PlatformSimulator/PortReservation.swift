import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Keeps a port number for as long as it lives. A socket that is bound and never listens takes no connection, so a
/// client is refused, yet the kernel gives the number to nobody else. Without it another program's outgoing connection
/// could be given the number during an outage, and the platform could not come back.
final class PortReservation: Sendable {
    static let addressInUse = EADDRINUSE

    let address: SocketAddress
    let port: Int
    private let descriptor: CInt

    init(host: String, port: Int) throws {
        let numeric = host == "localhost" ? "127.0.0.1" : host
        guard ["127.0.0.1", "::1"].contains(numeric), (0...65_535).contains(port) else {
            throw ["127.0.0.1", "::1"].contains(numeric)
                ? SimulatorError.cannotListen(port: port, reason: "a port is a number from 0 to 65535")
                : SimulatorError.notLoopback(host)
        }
        let wanted = try SocketAddress(ipAddress: numeric, port: port)
        let family = numeric == "::1" ? AF_INET6 : AF_INET
        #if canImport(Glibc)
            let stream = CInt(SOCK_STREAM.rawValue)
        #else
            let stream = SOCK_STREAM
        #endif
        let socket = socket(family, stream, 0)
        guard socket >= 0 else { throw Self.failure(port: port) }
        var one: CInt = 1
        setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<CInt>.size))
        guard wanted.withSockAddr({ bind(socket, $0, socklen_t($1)) }) == 0 else {
            let failure = Self.failure(port: port)
            close(socket)
            throw failure
        }
        guard let taken = Self.localPort(of: socket) else {
            let failure = Self.failure(port: port)
            close(socket)
            throw failure
        }
        descriptor = socket
        self.port = taken
        address = try SocketAddress(ipAddress: numeric, port: taken)
    }

    deinit {
        close(descriptor)
    }

    private static func failure(port: Int) -> SimulatorError {
        errno == EADDRINUSE ? .portInUse(port) : .cannotListen(port: port, reason: String(cString: strerror(errno)))
    }

    /// The port is the big-endian number at bytes 2 and 3, in IPv4 and IPv6 addresses alike.
    private static func localPort(of socket: CInt) -> Int? {
        var length: socklen_t = 128
        return withUnsafeTemporaryAllocation(byteCount: 128, alignment: 8) { bytes in
            guard let start = bytes.baseAddress,
                getsockname(socket, start.assumingMemoryBound(to: sockaddr.self), &length) == 0
            else { return nil }
            return Int(bytes[2]) << 8 | Int(bytes[3])
        }
    }
}
