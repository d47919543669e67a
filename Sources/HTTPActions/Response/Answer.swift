import WorkflowCore

/// A complete answer.
struct Answer: Sendable {
    enum Body: Sendable {
        case empty
        case json(JSONValue)
        case text(String)
        /// Said to be JSON, and is none.
        case malformed(JSONError)
    }

    let status: Int
    /// Names in lower case, in the order they came.
    let headers: [(name: String, value: String)]
    let bytes: [UInt8]
    let body: Body

    init(status: Int, headers: [(name: String, value: String)], bytes: [UInt8]) {
        self.status = status
        self.headers = headers
        self.bytes = bytes
        let contentType = headers.first { $0.name == "content-type" }?.value ?? ""
        body = Self.read(bytes, contentType: contentType)
    }

    func header(_ name: String) -> String? { headers.first { $0.name == name }?.value }

    /// The media type decides; without one that says JSON, what looks like an object or a list is tried.
    private static func read(_ bytes: [UInt8], contentType: String) -> Body {
        guard let first = bytes.first(where: { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }) else { return .empty }
        let mediaType = contentType.prefix { $0 != ";" }.lowercased()
        let isDeclared =
            mediaType.trimmingSpaces() == "application/json" || mediaType.trimmingSpaces().hasSuffix("+json")
        let looksLikeJSON = first == UInt8(ascii: "{") || first == UInt8(ascii: "[")
        guard isDeclared || looksLikeJSON else { return .text(String(decoding: bytes, as: UTF8.self)) }
        do throws(JSONError) {
            return .json(try JSONValue.parse(bytes))
        } catch {
            return isDeclared ? .malformed(error) : .text(String(decoding: bytes, as: UTF8.self))
        }
    }
}
