public import WorkflowCore

/// Where a secret belongs; the seal is bound to it, so a sealed value moved elsewhere does not open.
public struct SecretPlace: Sendable, Hashable {
    public let scope: SecretScope
    /// The run's id, the organisation's name, or the installation's word.
    public let scopeId: String
    /// The variable's or the vault's name.
    public let name: String
    /// 1 for the first value of that name in its scope, counting up.
    public let version: Int

    /// There is only one installation; its secrets need no further id.
    public static let installationId = "installation"

    public init(scope: SecretScope, scopeId: String, name: String, version: Int) {
        self.scope = scope
        self.scopeId = scopeId
        self.name = name
        self.version = version
    }
}

/// A secret as it is stored: free to copy, useless without the key ring.
public struct SealedSecret: Sendable, Hashable {
    public let place: SecretPlace
    /// Names the one key that opens it; keys are never tried in turn.
    public let keyId: String
    /// 12 bytes, never used twice with one key.
    public let nonce: [UInt8]
    /// One byte for the format, the encrypted value, and the tag of 16 bytes.
    public let ciphertext: [UInt8]
    public let fingerprint: Fingerprint
    /// Length of the plain value in bytes.
    public let length: Int

    public init(
        place: SecretPlace, keyId: String, nonce: [UInt8], ciphertext: [UInt8], fingerprint: Fingerprint, length: Int
    ) {
        self.place = place
        self.keyId = keyId
        self.nonce = nonce
        self.ciphertext = ciphertext
        self.fingerprint = fingerprint
        self.length = length
    }

    /// What events and snapshots hold in place of the secret.
    public var reference: SealedReference {
        SealedReference(name: place.name, version: place.version, fingerprint: fingerprint.shown, length: length)
    }
}
