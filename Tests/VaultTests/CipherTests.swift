import Testing
import WorkflowCore

@testable import Vault

@Suite struct CipherTests {
    @Test func `AES-256-GCM gives the published result: the GCM specification's test case 16`() throws {
        let key = bytes(hex: "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308")
        let ring = KeyRing(id: "r", activeKeyId: "k", keys: ["k": key], fingerprintKey: key)
        let plain = bytes(
            hex: "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
                + "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39")
        let data = bytes(hex: "feedfacedeadbeeffeedfacedeadbeefabaddad2")
        let nonce = bytes(hex: "cafebabefacedbaddecaf888")
        let symmetricKey = try #require(ring.sealingKeys["k"])
        let sealed = try #require(Vault.encrypt(plain, key: symmetricKey, nonce: nonce, authenticating: data))
        #expect(
            sealed
                == bytes(
                    hex: "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
                        + "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
                        + "76fc6ece0f4e1768cddf8853bb2d551b"))
        #expect(Vault.decrypt(sealed, key: symmetricKey, nonce: nonce, authenticating: data) == plain)
    }

    @Test func `HMAC-SHA256 gives the published results: RFC 4231, test cases 1 and 2`() {
        let first = KeyRing(
            id: "r", activeKeyId: "k", keys: [:], fingerprintKey: [UInt8](repeating: 0x0B, count: 20))
        #expect(
            first.authenticationCode(of: Array("Hi There".utf8))
                == bytes(hex: "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"))
        let second = KeyRing(id: "r", activeKeyId: "k", keys: [:], fingerprintKey: Array("Jefe".utf8))
        #expect(
            second.authenticationCode(of: Array("what do ya want for nothing?".utf8))
                == bytes(hex: "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"))
    }

    @Test
    func `a sealed value is byte for byte what another implementation computes from the documented encoding`() throws {
        let place = SecretPlace(scope: .run, scopeId: "r-1", name: "api_key", version: 2)
        let sealed = try Vault(keyRing: .fixed).seal(Secret("s3cret-value"), at: place, nonce: Array(0..<12))
        #expect(sealed.ciphertext == bytes(hex: "013431b569a091ef6dec2de2eee23e5f8e971fc885f8e57c5dae2b5aea"))
        #expect(
            sealed.fingerprint.bytes
                == bytes(hex: "3963e6ddc08a46734c319645f894aea4ff4873a9076f586e5ce9ff1d4c46e913"))
        #expect(sealed.fingerprint.shown == "3963e6dd")
        #expect(
            Vault(keyRing: .fixed).bodyDigest(Array("s3cret-value".utf8))
                == bytes(hex: "3975e74a24f0c882fdbfe3e406c0490afd7ed3f6850bfb8091cb5c5825a50791"))
    }

    @Test func `no two places share an encoding, by moving characters between their parts`() {
        let places = [
            SecretPlace(scope: .run, scopeId: "ab", name: "c", version: 1),
            SecretPlace(scope: .run, scopeId: "a", name: "bc", version: 1),
            SecretPlace(scope: .run, scopeId: "a", name: "b", version: 11),
            SecretPlace(scope: .run, scopeId: "a", name: "b1", version: 1),
            SecretPlace(scope: .organisation, scopeId: "a", name: "bc", version: 1),
            SecretPlace(scope: .installation, scopeId: "a", name: "bc", version: 1),
        ]
        let encodings = Set(places.map { Vault.associatedData($0, keyId: "k", format: 1) })
        #expect(encodings.count == places.count)
        let place = places[0]
        #expect(
            Vault.associatedData(place, keyId: "k", format: 1) != Vault.associatedData(place, keyId: "l", format: 1))
        #expect(
            Vault.associatedData(place, keyId: "k", format: 1) != Vault.associatedData(place, keyId: "k", format: 2))
    }
}
