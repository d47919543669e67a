import Foundation
import Glibc

/// The service manager that started this process and wants to hear from it: systemd's notification socket.
public struct ServiceManager: Sendable {
    private let address: String
    /// How often the watchdog must be fed at least; nil when nobody watches.
    public let watchdogInterval: Duration?

    /// Nil when no service manager asked to be told. `environment` holds `NOTIFY_SOCKET`, and perhaps `WATCHDOG_USEC`
    /// and `WATCHDOG_PID`.
    public init?(environment: [String: String], processIdentifier: Int32? = nil) {
        // A path, or a name of Linux's own name space; anything else (vsock:…) is for another kind of machine.
        guard let address = environment["NOTIFY_SOCKET"], address.hasPrefix("/") || address.hasPrefix("@"),
            address.utf8.count > 1, address.utf8.count <= Self.longestAddress
        else { return nil }
        self.address = address
        let isForUs = environment["WATCHDOG_PID"].map { $0 == String(processIdentifier ?? getpid()) } ?? true
        watchdogInterval =
            isForUs
            ? environment["WATCHDOG_USEC"].flatMap(Int64.init).flatMap { $0 > 0 ? .microseconds($0) : nil } : nil
    }

    private static let longestAddress = MemoryLayout.size(ofValue: sockaddr_un().sun_path) - 1

    /// Sends lines such as `READY=1` in one datagram. False when the manager did not take it; that is no reason to stop,
    /// and never blocks.
    @discardableResult
    public func tell(_ lines: [String]) -> Bool {
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var target = sockaddr_un()
        target.sun_family = sa_family_t(AF_UNIX)
        var bytes = Array(address.utf8)
        // A zero byte tells the system that the name is no path.
        if bytes[0] == UInt8(ascii: "@") { bytes[0] = 0 }
        withUnsafeMutableBytes(of: &target.sun_path) { $0.copyBytes(from: bytes) }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + bytes.count)
        // One line each: a newline in a status would begin an assignment of its own.
        let text = lines.map { $0.replacing("\n", with: " ") }.joined(separator: "\n")
        let sent = text.utf8CString.withUnsafeBytes { message in
            withUnsafePointer(to: &target) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    sendto(
                        descriptor, message.baseAddress, message.count - 1,
                        Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT), $0, length)
                }
            }
        }
        return sent >= 0
    }
}
