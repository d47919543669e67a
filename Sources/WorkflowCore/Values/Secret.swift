/// A value that must never be shown: no description, no mirror, no encoding; `reveal` is the single way in.
public struct Secret: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    private let bytes: [UInt8]

    public init(_ text: String) { bytes = Array(text.utf8) }
    public init(bytes: [UInt8]) { self.bytes = bytes }

    public var description: String { "<secret>" }
    public var debugDescription: String { "<secret>" }
    public var customMirror: Mirror { Mirror(self, children: []) }

    public var isEmpty: Bool { bytes.isEmpty }

    /// The plain bytes, for the one place that seals or sends them.
    public func reveal() -> [UInt8] { bytes }

    /// The plain text, for the one place that sends it.
    public func revealText() -> String { String(decoding: bytes, as: UTF8.self) }
}

/// Whom a secret belongs to.
public enum SecretScope: String, Sendable, CaseIterable {
    case run, organisation, installation
}

/// Where a sealed secret is found, and what may be said of it.
public struct SealedReference: Sendable, Equatable {
    /// The variable or vault name it is stored under.
    public let name: String
    /// 1 for the first value of that name in its scope, counting up.
    public let version: Int
    /// Keyed digest of the plain value, as 8 hex digits: equal values show equal fingerprints.
    public let fingerprint: String
    /// Length of the plain value in bytes.
    public let length: Int

    public init(name: String, version: Int, fingerprint: String, length: Int) {
        self.name = name
        self.version = version
        self.fingerprint = fingerprint
        self.length = length
    }
}
