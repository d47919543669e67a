import Dispatch
import Glibc
import Synchronization
import Testing
import WorkflowCore

@testable import Vault

@Suite struct KeyRingFileTests {
    let folder: TemporaryFolder
    let path: String

    init() throws {
        folder = try TemporaryFolder()
        path = folder.path + "/keys"
    }

    @Test func `a created ring is loaded again: same keys, private file, nothing else left in the folder`() throws {
        let created = try KeyRing.create(path: path)
        let loaded = try KeyRing.load(path: path)
        let place = SecretPlace(scope: .installation, scopeId: "here", name: "n", version: 1)
        let sealed = try Vault(keyRing: created).seal(Secret("value"), at: place)
        #expect(try Vault(keyRing: loaded).open(sealed).revealText() == "value")
        #expect(loaded.checkValue == created.checkValue)
        #expect(mode(of: path) == 0o600)
        #expect(folder.entries == ["keys"])
    }

    @Test func `missing folders are made for this user alone`() throws {
        let inner = folder.path + "/a/b"
        _ = try KeyRing.create(path: inner + "/keys")
        #expect(mode(of: inner) == 0o700)
        #expect(mode(of: folder.path + "/a") == 0o700)
        unlink(inner + "/keys")
        rmdir(inner)
        rmdir(folder.path + "/a")
    }

    @Test func `creating where a file is loads that file and changes nothing`() throws {
        let first = try KeyRing.create(path: path)
        let before = try text(of: path)
        #expect(try KeyRing.create(path: path).checkValue == first.checkValue)
        #expect(try text(of: path) == before)
    }

    @Test func `of racing creators one wins and all others get its ring`() throws {
        for round in 0..<10 {
            let target = "\(folder.path)/race-\(round)"
            let values = Mutex<[[UInt8]]>([])
            let errors = Mutex<[any Error]>([])
            DispatchQueue.concurrentPerform(iterations: 8) { _ in
                do {
                    let value = try KeyRing.create(path: target).checkValue
                    values.withLock { $0.append(value) }
                } catch { errors.withLock { $0.append(error) } }
            }
            let seen = values.withLock { $0 }
            #expect(errors.withLock { $0.map { "\($0)" } } == [])
            #expect(seen.count == 8)
            #expect(Set(seen).count == 1)
            #expect(try KeyRing.load(path: target).checkValue == seen.first)
        }
        #expect(folder.entries.count == 10)
    }

    @Test(arguments: [0o640, 0o604, 0o620, 0o610, 0o666] as [mode_t])
    func `a file that group or others may use is refused`(mode: mode_t) throws {
        _ = try KeyRing.create(path: path)
        try #require(chmod(path, mode) == 0)
        let error = try #require(vaultError { _ = try KeyRing.load(path: path) })
        #expect(error.code == .keyFileNotPrivate)
        #expect(error.message.contains("0" + String(mode, radix: 8)))
    }

    @Test func `a symbolic link of this user is followed, but the file it leads to is still checked`() throws {
        let created = try KeyRing.create(path: path)
        let alias = folder.path + "/alias"
        try #require(symlink(path, alias) == 0)
        #expect(try KeyRing.load(path: alias).checkValue == created.checkValue)
        try #require(chmod(path, 0o644) == 0)
        #expect(vaultError { _ = try KeyRing.load(path: alias) }?.code == .keyFileNotPrivate)
    }

    @Test(.enabled(if: geteuid() == 0))
    func `a symbolic link or a file of another user is refused`() throws {
        _ = try KeyRing.create(path: path)
        let alias = folder.path + "/alias"
        try #require(symlink(path, alias) == 0 && lchown(alias, 65_534, 65_534) == 0)
        #expect(vaultError { _ = try KeyRing.load(path: alias) }?.code == .keyFileNotPrivate)
        try #require(chown(path, 65_534, 65_534) == 0)
        #expect(vaultError { _ = try KeyRing.load(path: path) }?.code == .keyFileNotPrivate)
    }

    @Test func `what is no key file is refused with a code, and its text is not repeated`() throws {
        let good = try (KeyRing.create(path: path), text(of: path)).1
        let cases: [(String, String)] = [
            ("", ""),
            ("canary", "canary"),
            ("{}", ""),
            (String(good.dropLast(20)), ""),
            (good.replacing("turnup-keys", with: "canary"), "canary"),
            (good.replacing("\"version\" : 1", with: "\"version\" : 2"), ""),
            (good.replacing("\"key\" : \"", with: "\"key\" : \"canary"), "canary"),
            (good.replacing("\"active\" : \"", with: "\"active\" : \"canary"), "canary"),
            (String(repeating: " ", count: 70_000) + good, ""),
        ]
        for (content, canary) in cases {
            #expect(content != good)
            try write(content, to: path)
            let error = try #require(vaultError { _ = try KeyRing.load(path: path) })
            #expect(error.code == .keyFileFormat)
            #expect(canary.isEmpty || !error.description.contains(canary))
        }
    }

    @Test func `a missing file, a folder, a pipe and a dangling link each have an error of their own`() throws {
        #expect(vaultError { _ = try KeyRing.load(path: path) }?.code == .keyFileMissing)
        #expect(vaultError { _ = try KeyRing.load(path: "/dev/null/x") }?.code == .keyFileMissing)
        #expect(vaultError { _ = try KeyRing.load(path: folder.path) }?.code == .keyFileUnusable)
        try #require(mkfifo(path, 0o600) == 0)
        #expect(vaultError { _ = try KeyRing.load(path: path) }?.code == .keyFileUnusable)
        let alias = folder.path + "/alias"
        try #require(symlink(folder.path + "/nothing", alias) == 0)
        #expect(vaultError { _ = try KeyRing.load(path: alias) }?.code == .keyFileMissing)
        #expect(vaultError { _ = try KeyRing.create(path: alias) }?.code == .keyFileMissing)
        #expect(vaultError { _ = try KeyRing.create(path: "/dev/null/x/keys") }?.code == .keyFileUnusable)
    }
}
