/// A keyed digest of a secret: equal values of one installation have equal fingerprints, and nobody without
/// the key can test a guess.
public struct Fingerprint: Sendable, Hashable, CustomStringConvertible {
    /// 32 bytes.
    public let bytes: [UInt8]

    /// Takes what was stored; nil unless it is 32 bytes.
    public init?(bytes: [UInt8]) {
        guard bytes.count == 32 else { return nil }
        self.bytes = bytes
    }

    init(digest: some Sequence<UInt8>) { bytes = Array(digest) }

    /// The first four bytes as 8 hex digits, which is what people see.
    public var shown: String { Encodings.hex(bytes.prefix(4)) }

    public var description: String { shown }
}
