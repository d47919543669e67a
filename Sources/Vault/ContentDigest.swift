import Crypto

/// SHA-256 of public bytes: definitions and event chains. Secrets are digested with a key, by `Vault`.
public enum ContentDigest {
    public static func sha256(_ bytes: [UInt8]) -> [UInt8] { Array(SHA256.hash(data: bytes)) }

    /// Of pieces that are given until nil.
    public static func sha256(pieces next: () throws -> [UInt8]?) rethrows -> [UInt8] {
        var hash = SHA256()
        while let piece = try next() { hash.update(data: piece) }
        return Array(hash.finalize())
    }

    /// In lower-case hex digits.
    public static func sha256Hex(_ text: String) -> String { Encodings.hex(sha256(Array(text.utf8))) }

    public static func hex(_ bytes: [UInt8]) -> String { Encodings.hex(bytes) }
}
