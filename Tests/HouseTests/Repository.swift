import Foundation
import Testing

/// The repository's files as the house rules see them.
enum Repository {
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// Paths of the files below a folder or of the file itself, relative to the root, without build products.
    static func files(below names: [String], ending: String = "") -> [String] {
        let manager = FileManager.default
        var found: [String] = []
        for name in names {
            let start = root.appendingPathComponent(name).path
            var isDirectory: ObjCBool = false
            guard manager.fileExists(atPath: start, isDirectory: &isDirectory) else { continue }
            guard isDirectory.boolValue else {
                found.append(name)
                continue
            }
            for file in (try? manager.subpathsOfDirectory(atPath: start)) ?? [] {
                let isFile = manager.fileExists(atPath: "\(start)/\(file)", isDirectory: &isDirectory)
                if isFile, !isDirectory.boolValue { found.append("\(name)/\(file)") }
            }
        }
        return found.filter { $0.hasSuffix(ending) }.sorted()
    }

    static func text(_ path: String) throws -> String {
        try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
    }

    static func lines(_ path: String) throws -> [Substring] {
        try text(path).split(separator: "\n", omittingEmptySubsequences: false)
    }

    /// The target that a source file belongs to: the folder after `Sources` or `Tests`.
    static func target(of path: String) -> String {
        path.split(separator: "/").dropFirst().first.map(String.init) ?? ""
    }
}
