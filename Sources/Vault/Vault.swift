import Crypto
public import WorkflowCore

/// Seals and opens secrets with AES-256-GCM, and makes the keyed digests that stand for them.
public struct Vault: Sendable {
    public let keyRing: KeyRing

    public init(keyRing: KeyRing) { self.keyRing = keyRing }

    /// Encrypts with the active key and a fresh random nonce, bound to the place.
    ///
    /// - Throws: `place_invalid`.
    public func seal(_ secret: Secret, at place: SecretPlace) throws(VaultError) -> SealedSecret {
        try seal(secret, at: place, nonce: Array(AES.GCM.Nonce()))
    }

    func seal(_ secret: Secret, at place: SecretPlace, nonce: [UInt8]) throws(VaultError) -> SealedSecret {
        guard !place.scopeId.isEmpty, !place.name.isEmpty, place.version >= 1 else {
            throw VaultError(
                .placeInvalid,
                "a secret cannot be sealed at \(place.scope.rawValue) \"\(place.scopeId)\", name \"\(place.name)\", "
                    + "version \(place.version)",
                hint: "a place needs a scope id, a name and a version of 1 or more")
        }
        let keyId = keyRing.activeKeyId
        guard let key = keyRing.sealingKeys[keyId] else { throw unknownKey(keyId, place) }
        let plain = secret.reveal()
        let data = Self.associatedData(place, keyId: keyId, format: Self.format)
        guard let ciphertext = Self.encrypt(plain, key: key, nonce: nonce, authenticating: data) else {
            throw VaultError(.sealBroken, "the cipher refused to seal \(place.name)", hint: "check the key file")
        }
        return SealedSecret(
            place: place, keyId: keyId, nonce: nonce, ciphertext: [Self.format] + ciphertext,
            fingerprint: fingerprint(of: secret), length: plain.count)
    }

    /// Decrypts with the key that the sealed value names, and no other.
    ///
    /// - Throws: `key_unknown`, `seal_format`, or `seal_broken` when anything about the value was changed.
    public func open(_ sealed: SealedSecret) throws(VaultError) -> Secret {
        let place = sealed.place
        guard let key = keyRing.sealingKeys[sealed.keyId] else { throw unknownKey(sealed.keyId, place) }
        guard let format = sealed.ciphertext.first, format == Self.format else {
            throw VaultError(
                .sealFormat, "\(place.name) version \(place.version) is sealed in a format this build does not know",
                hint: "use the build that sealed it, or a newer one")
        }
        let data = Self.associatedData(place, keyId: sealed.keyId, format: format)
        let ciphertext = Array(sealed.ciphertext.dropFirst())
        guard let plain = Self.decrypt(ciphertext, key: key, nonce: sealed.nonce, authenticating: data) else {
            throw broken(place)
        }
        let secret = Secret(bytes: plain)
        // Length and fingerprint are stored beside the ciphertext and shown to people, so they must be true too.
        guard plain.count == sealed.length, fingerprint(of: secret) == sealed.fingerprint else { throw broken(place) }
        return secret
    }

    /// Seals the same value anew, under another name of its scope.
    public func resealed(_ sealed: SealedSecret, name: String, version: Int) throws(VaultError) -> SealedSecret {
        let place = SecretPlace(
            scope: sealed.place.scope, scopeId: sealed.place.scopeId, name: name, version: version)
        return try seal(try open(sealed), at: place)
    }

    /// The encrypted bytes, then the tag; nil when the key or the nonce has a wrong size.
    static func encrypt(
        _ plain: [UInt8], key: SymmetricKey, nonce: [UInt8], authenticating data: [UInt8]
    ) -> [UInt8]? {
        guard nonce.count == nonceLength, let nonce = try? AES.GCM.Nonce(data: nonce),
            let box = try? AES.GCM.seal(plain, using: key, nonce: nonce, authenticating: data)
        else { return nil }
        return Array(box.ciphertext + box.tag)
    }

    static func decrypt(
        _ ciphertext: [UInt8], key: SymmetricKey, nonce: [UInt8], authenticating data: [UInt8]
    ) -> [UInt8]? {
        guard nonce.count == nonceLength, ciphertext.count >= tagLength,
            let nonce = try? AES.GCM.Nonce(data: nonce),
            let box = try? AES.GCM.SealedBox(
                nonce: nonce, ciphertext: ciphertext.dropLast(tagLength), tag: ciphertext.suffix(tagLength)),
            let plain = try? AES.GCM.open(box, using: key, authenticating: data)
        else { return nil }
        return Array(plain)
    }

    public func fingerprint(of secret: Secret) -> Fingerprint {
        Fingerprint(digest: keyRing.keyedDigest(label: "turnup fingerprint 1", of: secret.reveal()))
    }

    /// 32 bytes that stand for an answer's body: equal for equal bodies, useless for guessing what was in them.
    public func bodyDigest(_ bytes: [UInt8]) -> [UInt8] {
        keyRing.keyedDigest(label: "turnup body digest 1", of: bytes)
    }

    /// 32 hex digits that stand for a part of a request: equal for the same part with equal bytes.
    public func requestDigest(of part: String, _ bytes: [UInt8]) -> String {
        let digest = keyRing.keyedDigest(label: "turnup request digest 1", of: Array(part.utf8) + [0] + bytes)
        return Encodings.hex(digest.prefix(16))
    }

    private static let format: UInt8 = 1
    private static let tagLength = 16
    private static let nonceLength = 12

    /// What the tag covers beside the value. Every text is preceded by its length, so no two places share it.
    static func associatedData(_ place: SecretPlace, keyId: String, format: UInt8) -> [UInt8] {
        var data: [UInt8] = [format]
        for text in [place.scope.rawValue, place.scopeId, place.name, String(place.version), keyId] {
            let bytes = Array(text.utf8)
            let count = UInt32(truncatingIfNeeded: bytes.count)
            data += [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: count >> $0) }
            data += bytes
        }
        return data
    }

    private func unknownKey(_ keyId: String, _ place: SecretPlace) -> VaultError {
        VaultError(
            .keyUnknown,
            "\(place.name) version \(place.version) is sealed with key \(keyId), which ring \(keyRing.id) does not hold",
            hint: "use the key file of the installation that sealed it")
    }

    private func broken(_ place: SecretPlace) -> VaultError {
        VaultError(
            .sealBroken,
            "\(place.name) version \(place.version) of \(place.scope.rawValue) \(place.scopeId) does not open: it was "
                + "changed or moved, or sealed with another key of the same id",
            hint: "check that the key file belongs to this database, then restore the row from a backup")
    }
}
