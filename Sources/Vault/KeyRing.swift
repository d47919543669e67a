import Crypto

/// The keys of one installation: those that seal, by id, and the one for fingerprints, which never changes.
///
/// Nothing in its description or mirror shows a key.
public struct KeyRing: Sendable {
    /// Names the ring, not its keys: 32 hex digits.
    public let id: String
    /// The key that seals new values.
    public let activeKeyId: String
    let sealingKeys: [String: SymmetricKey]
    let fingerprintKey: SymmetricKey

    init(id: String, activeKeyId: String, sealingKeys: [String: SymmetricKey], fingerprintKey: SymmetricKey) {
        self.id = id
        self.activeKeyId = activeKeyId
        self.sealingKeys = sealingKeys
        self.fingerprintKey = fingerprintKey
    }

    init(id: String, activeKeyId: String, keys: [String: [UInt8]], fingerprintKey: [UInt8]) {
        self.init(
            id: id, activeKeyId: activeKeyId, sealingKeys: keys.mapValues { SymmetricKey(data: $0) },
            fingerprintKey: SymmetricKey(data: fingerprintKey))
    }

    /// Every key that opens, the active one included.
    public var keyIds: [String] { sealingKeys.keys.sorted() }

    /// A new ring from the system's random source.
    public static func generate() -> KeyRing {
        var source = SystemRandomNumberGenerator()
        return generate(using: &source)
    }

    /// A new ring; the source must be fit for keys, and is a parameter for tests alone.
    public static func generate(using source: inout some RandomNumberGenerator) -> KeyRing {
        let id = Encodings.hex(randomBytes(16, using: &source))
        let keyId = Encodings.hex(randomBytes(8, using: &source))
        let key = SymmetricKey(data: randomBytes(32, using: &source))
        let fingerprintKey = SymmetricKey(data: randomBytes(32, using: &source))
        return KeyRing(id: id, activeKeyId: keyId, sealingKeys: [keyId: key], fingerprintKey: fingerprintKey)
    }

    /// The same ring with one more sealing key, which is now the active one; older values still open.
    public func rotated() -> KeyRing {
        var source = SystemRandomNumberGenerator()
        var keys = sealingKeys
        var keyId = Encodings.hex(Self.randomBytes(8, using: &source))
        while keys[keyId] != nil { keyId = Encodings.hex(Self.randomBytes(8, using: &source)) }
        keys[keyId] = SymmetricKey(data: Self.randomBytes(32, using: &source))
        return KeyRing(id: id, activeKeyId: keyId, sealingKeys: keys, fingerprintKey: fingerprintKey)
    }

    /// 32 bytes that a database keeps to recognise the wrong key file; they say nothing about the keys,
    /// and stay the same when a sealing key is added.
    public var checkValue: [UInt8] {
        keyedDigest(label: "turnup key ring check 1", of: Array(id.utf8))
    }

    /// HMAC-SHA256 under the fingerprint key. No label holds a NUL, so labels keep their uses apart.
    func keyedDigest(label: String, of bytes: [UInt8]) -> [UInt8] {
        authenticationCode(of: Array(label.utf8) + [0] + bytes)
    }

    func authenticationCode(of bytes: [UInt8]) -> [UInt8] {
        Array(HMAC<SHA256>.authenticationCode(for: bytes, using: fingerprintKey))
    }

    private static func randomBytes(_ count: Int, using source: inout some RandomNumberGenerator) -> [UInt8] {
        (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &source) }
    }
}

extension KeyRing: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "<key ring \(id)>" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: []) }
}
