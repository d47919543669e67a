import Foundation

/// The ledger as JSON lines. Each line is one `write`, so it outlives the process as soon as `append` returns.
struct LedgerFile: Sendable {
    private let handle: FileHandle
    private let encoder = JSONEncoder()

    init(path: String) throws {
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let manager = FileManager.default
        if !manager.fileExists(atPath: path), !manager.createFile(atPath: path, contents: nil) {
            throw SimulatorError.cannotWriteLedger(path: path, reason: "the file cannot be created")
        }
        do {
            handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
            try handle.seekToEnd()
        } catch {
            throw SimulatorError.cannotWriteLedger(path: path, reason: error.localizedDescription)
        }
    }

    func append(_ entry: LedgerEntry) throws {
        var line = try encoder.encode(entry)
        line.append(UInt8(ascii: "\n"))
        try handle.write(contentsOf: line)
    }
}
