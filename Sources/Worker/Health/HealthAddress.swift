/// Where health is asked for: a Unix socket, or a port of this machine's loopback.
public enum HealthAddress: Sendable, Equatable, CustomStringConvertible {
    case socket(path: String)
    case loopback(host: String, port: Int)

    /// The longest path that a Unix socket can have, in bytes.
    public static let longestPath = 107

    /// Reads `/path`, `./path`, `127.0.0.1:9700`, `[::1]:9700`, `localhost:9700` or `9700`.
    ///
    /// The pages tell strangers what runs here, so nothing but the loopback is taken. The error is for people.
    public init(_ text: String) throws(HealthAddressError) {
        if text.contains("/") {
            guard text.utf8.count <= Self.longestPath else {
                throw HealthAddressError(
                    "a Unix socket's path has at most \(Self.longestPath) bytes, not \(text.utf8.count)")
            }
            guard !text.utf8.contains(0) else { throw HealthAddressError("the path contains a NUL character") }
            self = .socket(path: text)
            return
        }
        let host: String
        let number: Substring
        if let colon = text.lastIndex(of: ":") {
            host = text[..<colon].trimming("[]")
            number = text[text.index(after: colon)...]
        } else {
            host = "127.0.0.1"
            number = text[...]
        }
        guard !number.isEmpty, number.allSatisfy({ $0.isASCII && $0.isNumber }), let port = Int(number),
            (0...65_535).contains(port)
        else { throw HealthAddressError("\"\(text)\" is neither a path with a slash nor 127.0.0.1:PORT") }
        guard host == "127.0.0.1" || host == "::1" || host == "localhost" else {
            throw HealthAddressError(
                "\"\(host)\" is not this machine's loopback; health is given at 127.0.0.1, [::1] or a Unix socket")
        }
        self = .loopback(host: host == "localhost" ? "127.0.0.1" : host, port: port)
    }

    public var description: String {
        switch self {
        case .socket(let path): path
        case .loopback(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        }
    }
}

/// Why a place to ask for health at cannot be used, in words for people.
public struct HealthAddressError: Error, CustomStringConvertible {
    public let description: String

    public init(_ description: String) { self.description = description }
}

extension Substring {
    fileprivate func trimming(_ characters: String) -> String {
        var rest = self
        while let first = rest.first, characters.contains(first) { rest = rest.dropFirst() }
        while let last = rest.last, characters.contains(last) { rest = rest.dropLast() }
        return String(rest)
    }
}
