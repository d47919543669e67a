import Foundation
import WorkflowCore

/// Where a service is: the checked parts of its base URL.
struct TargetURL: Sendable, Equatable {
    let isSecure: Bool
    /// Lower case, without a trailing dot; an IPv6 address has no brackets.
    let host: String
    let port: Int
    /// Without a trailing slash; already percent-encoded.
    let pathPrefix: String

    var scheme: String { isSecure ? "https" : "http" }

    /// The host as a URL and a `Host` header write it: an IPv6 address in brackets.
    var writtenHost: String { host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]" : host }

    /// Scheme, host and, where it is not the scheme's own, port.
    var origin: String {
        port == (isSecure ? 443 : 80) ? "\(scheme)://\(writtenHost)" : "\(scheme)://\(writtenHost):\(port)"
    }

    /// Reads a base URL, strictly, so that no other reader can find another host in it.
    static func parse(_ text: String) throws(TargetError) -> TargetURL {
        guard let parts = URLComponents(string: text), let scheme = parts.scheme?.lowercased() else {
            throw TargetError("the service's base URL is no URL")
        }
        guard scheme == "https" || scheme == "http" else {
            throw TargetError("the service's base URL must start with https:// (or http://)")
        }
        guard parts.percentEncodedUser == nil, parts.percentEncodedPassword == nil else {
            throw TargetError("the service's base URL holds a user or password; credentials belong into auth")
        }
        guard parts.percentEncodedQuery == nil, parts.percentEncodedFragment == nil else {
            throw TargetError("the service's base URL holds a query or fragment")
        }
        guard var host = parts.encodedHost?.lowercased(), !host.isEmpty else {
            throw TargetError("the service's base URL has no host")
        }
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = String(host.dropFirst().dropLast())
            guard let address = IPAddress(host), address.isIPv6 else {
                throw TargetError("the host of the service's base URL is no IPv6 address")
            }
        } else {
            if host.hasSuffix(".") { host.removeLast() }
            let isName = host.utf8.allSatisfy { $0.isASCIIAlphanumeric || [45, 46, 95].contains($0) }
            guard isName, !host.isEmpty, host.utf8.count <= 253 else {
                throw TargetError("the host of the service's base URL has characters that no host name has")
            }
        }
        let port = parts.port ?? (scheme == "https" ? 443 : 80)
        guard (1...65_535).contains(port) else { throw TargetError("the port of the service's base URL is wrong") }
        var prefix = parts.percentEncodedPath
        while prefix.hasSuffix("/") { prefix.removeLast() }
        return TargetURL(isSecure: scheme == "https", host: host, port: port, pathPrefix: prefix)
    }
}

/// Why a request has nowhere to go.
struct TargetError: Error, Equatable {
    let message: String

    init(_ message: String) { self.message = message }
}
