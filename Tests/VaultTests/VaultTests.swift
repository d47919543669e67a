import Testing
import WorkflowCore

@testable import Vault

@Suite struct VaultTests {
    let vault = Vault(keyRing: .generate())
    let place = SecretPlace(scope: .run, scopeId: "run-1", name: "api_key", version: 1)

    private func changed(
        _ sealed: SealedSecret, place: SecretPlace? = nil, keyId: String? = nil, nonce: [UInt8]? = nil,
        ciphertext: [UInt8]? = nil, fingerprint: Fingerprint? = nil, length: Int? = nil
    ) -> SealedSecret {
        SealedSecret(
            place: place ?? sealed.place, keyId: keyId ?? sealed.keyId, nonce: nonce ?? sealed.nonce,
            ciphertext: ciphertext ?? sealed.ciphertext, fingerprint: fingerprint ?? sealed.fingerprint,
            length: length ?? sealed.length)
    }

    @Test func `a secret opens to the same bytes, whatever they are`() throws {
        for plain in [[], [0], Array("clé-🔑".utf8), [UInt8](repeating: 0xFF, count: 70_000)] {
            let sealed = try vault.seal(Secret(bytes: plain), at: place)
            #expect(try vault.open(sealed).reveal() == plain)
            #expect(sealed.length == plain.count)
            #expect(sealed.reference.fingerprint == sealed.fingerprint.shown)
            #expect(sealed.reference.name == "api_key")
        }
    }

    @Test func `sealing the same value twice gives other nonces and ciphertexts, and the same fingerprint`() throws {
        let sealed = try (0..<64).map { _ in try vault.seal(Secret("same value"), at: place) }
        #expect(Set(sealed.map(\.nonce)).count == 64)
        #expect(Set(sealed.map(\.ciphertext)).count == 64)
        #expect(Set(sealed.map(\.fingerprint)).count == 1)
        #expect(sealed.allSatisfy { $0.nonce.count == 12 })
    }

    @Test func `every flipped bit of nonce and ciphertext is noticed`() throws {
        let sealed = try vault.seal(Secret("abc"), at: place)
        var refused = 0
        for index in 0..<(sealed.ciphertext.count * 8) {
            var ciphertext = sealed.ciphertext
            ciphertext[index / 8] ^= 1 << UInt8(index % 8)
            let error = vaultError { _ = try vault.open(changed(sealed, ciphertext: ciphertext)) }
            #expect(error?.code == (index < 8 ? .sealFormat : .sealBroken))
            refused += 1
        }
        for index in 0..<96 {
            var nonce = sealed.nonce
            nonce[index / 8] ^= 1 << UInt8(index % 8)
            #expect(vaultError { _ = try vault.open(changed(sealed, nonce: nonce)) }?.code == .sealBroken)
            refused += 1
        }
        #expect(refused == (1 + 3 + 16) * 8 + 96)
    }

    @Test func `a ciphertext moved to another run, name or version does not open: swap and roll-back`() throws {
        let elsewhere = [
            SecretPlace(scope: .run, scopeId: "run-2", name: "api_key", version: 1),
            SecretPlace(scope: .run, scopeId: "run-1", name: "token", version: 1),
            SecretPlace(scope: .run, scopeId: "run-1", name: "api_key", version: 2),
            SecretPlace(scope: .organisation, scopeId: "run-1", name: "api_key", version: 1),
        ]
        let mine = try vault.seal(Secret("value one"), at: place)
        for other in elsewhere {
            let theirs = try vault.seal(Secret("value two"), at: other)
            let swapped = changed(mine, place: other)
            #expect(vaultError { _ = try vault.open(swapped) }?.code == .sealBroken)
            #expect(vaultError { _ = try vault.open(changed(theirs, place: place)) }?.code == .sealBroken)
        }
    }

    @Test func `a fingerprint or length that was changed beside the ciphertext is noticed`() throws {
        let sealed = try vault.seal(Secret("value"), at: place)
        let other = vault.fingerprint(of: Secret("other"))
        #expect(vaultError { _ = try vault.open(changed(sealed, fingerprint: other)) }?.code == .sealBroken)
        #expect(vaultError { _ = try vault.open(changed(sealed, length: 4)) }?.code == .sealBroken)
    }

    @Test func `malformed sealed values are refused, never a trap`() throws {
        let sealed = try vault.seal(Secret("value"), at: place)
        #expect(vaultError { _ = try vault.open(changed(sealed, ciphertext: [])) }?.code == .sealFormat)
        #expect(vaultError { _ = try vault.open(changed(sealed, ciphertext: [1])) }?.code == .sealBroken)
        #expect(
            vaultError { _ = try vault.open(changed(sealed, ciphertext: Array(sealed.ciphertext.prefix(16)))) }?.code
                == .sealBroken)
        #expect(vaultError { _ = try vault.open(changed(sealed, nonce: [])) }?.code == .sealBroken)
        let long = sealed.nonce + [0]
        #expect(vaultError { _ = try vault.open(changed(sealed, nonce: long)) }?.code == .sealBroken)
        #expect(Fingerprint(bytes: [1, 2, 3]) == nil)
    }

    @Test func `a place without id, name or version is refused`() {
        for place in [
            SecretPlace(scope: .run, scopeId: "", name: "n", version: 1),
            SecretPlace(scope: .run, scopeId: "r", name: "", version: 1),
            SecretPlace(scope: .run, scopeId: "r", name: "n", version: 0),
        ] {
            #expect(vaultError { _ = try vault.seal(Secret("v"), at: place) }?.code == .placeInvalid)
        }
    }

    @Test func `another ring is refused by key id; another key under the same id by the seal`() throws {
        let sealed = try vault.seal(Secret("value"), at: place)
        let stranger = Vault(keyRing: .generate())
        #expect(vaultError { _ = try stranger.open(sealed) }?.code == .keyUnknown)
        #expect(
            vaultError { _ = try stranger.open(changed(sealed, keyId: stranger.keyRing.activeKeyId)) }?.code
                == .sealBroken)
        let imitation = KeyRing(
            id: vault.keyRing.id, activeKeyId: sealed.keyId, keys: [sealed.keyId: [UInt8](repeating: 7, count: 32)],
            fingerprintKey: [UInt8](repeating: 9, count: 32))
        #expect(vaultError { _ = try Vault(keyRing: imitation).open(sealed) }?.code == .sealBroken)
        #expect(imitation.checkValue != vault.keyRing.checkValue)
    }

    @Test
    func `after a rotation old values open, new ones use the new key, fingerprints and the check value stay`() throws {
        let old = try vault.seal(Secret("value"), at: place)
        let rotated = Vault(keyRing: vault.keyRing.rotated())
        let new = try rotated.seal(Secret("value"), at: place)
        #expect(try rotated.open(old).revealText() == "value")
        #expect(new.keyId != old.keyId)
        #expect(new.fingerprint == old.fingerprint)
        #expect(rotated.keyRing.checkValue == vault.keyRing.checkValue)
        #expect(vaultError { _ = try vault.open(new) }?.code == .keyUnknown)
    }

    @Test func `fingerprints, body digests and check values of the same bytes differ`() {
        let id = vault.keyRing.id
        let fingerprint = vault.fingerprint(of: Secret(id)).bytes
        #expect(fingerprint != vault.bodyDigest(Array(id.utf8)))
        #expect(fingerprint != vault.keyRing.checkValue)
        #expect(fingerprint.count == 32)
        #expect(fingerprint != Vault(keyRing: .generate()).fingerprint(of: Secret(id)).bytes)
    }

    @Test func `neither errors nor descriptions show a key or a value`() throws {
        let ring = KeyRing.fixed
        let vault = Vault(keyRing: ring)
        let sealed = try vault.seal(Secret("canary-value"), at: place)
        var dumped = ""
        dump(vault, to: &dumped)
        dump(sealed, to: &dumped)
        let stranger = try #require(vaultError { _ = try Vault(keyRing: .generate()).open(sealed) })
        let text = "\(vault) \(String(reflecting: ring)) \(dumped) \(stranger)"
        #expect(text.contains("key ring"))
        #expect(!text.contains("canary"))
        #expect(!text.contains("AAECAwQFBgc") && !text.contains("0001020304") && !text.contains("ZGVmZ2hp"))
    }
}
