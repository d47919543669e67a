import Glibc

/// Asks at a server's socket whether somebody answers.
enum ServerSocket {
    /// Sends the first packet of every TLS-aware client, which the server answers with one byte before it knows the
    /// client, and without a line in its log. A connection alone proves nothing: the system accepts it for a server
    /// that is being killed.
    static func answers(at path: String, timeoutMilliseconds: Int32) -> Bool {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { return false }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }

        let connection = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard connection >= 0 else { return false }
        defer { close(connection) }
        let connected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(connection, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        // Length 8 and the number 80877103, both in network order.
        let question: [UInt8] = [0, 0, 0, 8, 4, 210, 22, 47]
        guard connected == 0, send(connection, question, question.count, Int32(MSG_NOSIGNAL)) == question.count
        else { return false }
        var wait = pollfd(fd: connection, events: Int16(POLLIN), revents: 0)
        var answer: UInt8 = 0
        return poll(&wait, 1, timeoutMilliseconds) == 1 && recv(connection, &answer, 1, 0) == 1
    }
}
