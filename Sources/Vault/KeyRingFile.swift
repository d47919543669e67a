import Crypto
import Foundation

/// The text of a key file. Its keys are in base64; the file's mode is what protects them.
struct KeyRingFile: Codable {
    struct Key: Codable {
        let id: String
        let key: String
    }

    let format: String
    let version: Int
    let ring: String
    let active: String
    let keys: [Key]
    let fingerprintKey: String

    enum CodingKeys: String, CodingKey {
        case format, version, ring, active, keys
        case fingerprintKey = "fingerprint_key"
    }

    static let formatName = "turnup-keys"
    static let newestVersion = 1

    init(_ ring: KeyRing) {
        format = Self.formatName
        version = Self.newestVersion
        self.ring = ring.id
        active = ring.activeKeyId
        keys = ring.keyIds.compactMap { id in
            ring.sealingKeys[id].map { Key(id: id, key: Self.text(of: $0)) }
        }
        fingerprintKey = Self.text(of: ring.fingerprintKey)
    }

    func encoded() throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return Array(try encoder.encode(self)) + [UInt8(ascii: "\n")]
    }

    /// Reads the text of a key file; errors name the path and the fault, never the content.
    static func keyRing(from bytes: [UInt8], path: String) throws(VaultError) -> KeyRing {
        let file: KeyRingFile
        do {
            file = try JSONDecoder().decode(KeyRingFile.self, from: Data(bytes))
        } catch {
            // The decoder's own error could quote the text.
            throw wrong(path, "it is not the JSON text of a key file")
        }
        guard file.format == formatName else { throw wrong(path, "its format is not \"\(formatName)\"") }
        guard file.version == newestVersion else {
            throw VaultError(
                .keyFileFormat, "key file \(path) has version \(file.version); this build reads \(newestVersion)",
                hint: "use the build that wrote the file, or a newer one")
        }
        guard file.ring.utf8.count == 32 else { throw wrong(path, "its ring id is not 32 hex digits") }
        var keys: [String: SymmetricKey] = [:]
        for entry in file.keys {
            guard !entry.id.isEmpty, keys[entry.id] == nil else {
                throw wrong(path, "a key id is empty or twice there")
            }
            guard let key = key(from: entry.key) else { throw wrong(path, "a sealing key is not 32 bytes in base64") }
            keys[entry.id] = key
        }
        guard keys[file.active] != nil else { throw wrong(path, "its active key is not among its keys") }
        guard let fingerprintKey = key(from: file.fingerprintKey) else {
            throw wrong(path, "its fingerprint key is not 32 bytes in base64")
        }
        return KeyRing(id: file.ring, activeKeyId: file.active, sealingKeys: keys, fingerprintKey: fingerprintKey)
    }

    private static func wrong(_ path: String, _ fault: String) -> VaultError {
        VaultError(
            .keyFileFormat, "\(path) cannot be used as a key file: \(fault)",
            hint: "restore the file from its backup; without it nothing that it sealed can be opened")
    }

    private static func text(of key: SymmetricKey) -> String {
        key.withUnsafeBytes { Data($0).base64EncodedString() }
    }

    private static func key(from text: String) -> SymmetricKey? {
        guard let data = Data(base64Encoded: text), data.count == 32 else { return nil }
        return SymmetricKey(data: data)
    }
}
