import Crypto

/// SHA-256 of public bytes: definitions and event chains. Secrets are digested with a key, by `Vault`.
public enum ContentDigest {
    public static func sha256(_ bytes: [UInt8]) -> [UInt8] { Array(SHA256.hash(data: bytes)) }

    /// The digest of pieces; `next` gives one piece after the other, then nil.
    public static func sha256(pieces next: () throws -> [UInt8]?) rethrows -> [UInt8] {
        var hash = SHA256()
        while let piece = try next() { hash.update(data: piece) }
        return Array(hash.finalize())
    }

    /// The digest of a text, in lower-case hex digits.
    public static func sha256Hex(_ text: String) -> String { Encodings.hex(sha256(Array(text.utf8))) }

    public static func hex(_ bytes: [UInt8]) -> String { Encodings.hex(bytes) }
}
