import Foundation
import WorkflowCore

/// Request headers in order, each name once.
struct HeaderList {
    private(set) var entries: [(name: String, value: String)] = []

    /// Headers that the client sets by itself; a definition that sets them could smuggle in a second request.
    private static let reserved: Set<String> = [
        "host", "content-length", "transfer-encoding", "connection", "keep-alive", "te", "trailer", "upgrade", "expect",
        "proxy-authorization", "proxy-connection", "accept-encoding",
    ]

    /// Replaces or adds; nil leaves it out.
    mutating func set(_ name: String, _ value: String?) throws(RenderingError) {
        let place = "header \(name)"
        guard !name.isEmpty, name.utf8.allSatisfy(Self.isToken) else {
            throw RenderingError(place: "headers", message: "a name is empty or has characters that no header name has")
        }
        guard !Self.reserved.contains(name.lowercased()) else {
            throw RenderingError(place: place, message: "this header is set by the client alone")
        }
        if let value {
            guard !value.utf8.contains(where: { ($0 < 0x20 && $0 != 0x09) || $0 == 0x7F }) else {
                throw RenderingError(
                    place: place, message: "the value holds a line break or another control character")
            }
        }
        entries.removeAll { $0.name.lowercased() == name.lowercased() }
        if let value { entries.append((name, value)) }
    }

    mutating func setIfMissing(_ name: String, _ value: String) {
        if !entries.contains(where: { $0.name.lowercased() == name.lowercased() }) { entries.append((name, value)) }
    }

    private static func isToken(_ byte: UInt8) -> Bool {
        byte.isASCIIAlphanumeric || Array("!#$%&'*+-.^_`|~".utf8).contains(byte)
    }
}

enum Base64 {
    static func encode(_ text: String) -> String { Data(text.utf8).base64EncodedString() }
}
