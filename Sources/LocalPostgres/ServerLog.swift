import Foundation
import Glibc

/// Finds the server's own words about a start that failed, and none from before it.
struct ServerLog {
    private let layout: ClusterLayout
    private let sizesBefore: [String: Int]

    /// Remembers how long the log is now.
    init(_ layout: ClusterLayout) {
        self.layout = layout
        sizesBefore = Dictionary(uniqueKeysWithValues: Self.files(layout).map { ($0, Self.contents($0).count) })
    }

    /// Why the server ended; its logging process may still be writing that down, so this waits a moment for it.
    func failureReason() -> String {
        let deadline = Deadline(seconds: 2)
        while true {
            for path in [layout.startLog] + Self.files(layout) {
                let text = Self.contents(path).dropFirst(sizesBefore[path] ?? 0)
                if let reason = Self.reason(in: String(decoding: text, as: UTF8.self)) { return reason }
            }
            if deadline.isOver { return "it ended without a word" }
            usleep(20000)
        }
    }

    private static func reason(in text: String) -> String? {
        let lines = text.split(separator: "\n")
        guard let last = lines.lastIndex(where: { $0.contains("FATAL:") || $0.contains("PANIC:") }) else {
            // Before its log is open, the programs' loader or the shell may speak.
            return nil
        }
        // What is wrong with a configuration file stands in the lines above the verdict.
        let first = lines[last].contains("configuration file") ? max(0, last - 2) : last
        return lines[first...last].map(withoutPrefix).joined(separator: "; ")
    }

    private static func withoutPrefix(_ line: Substring) -> String {
        for word in ["FATAL:", "PANIC:", "LOG:", "ERROR:"] {
            if let range = line.range(of: word) {
                return line[range.upperBound...].trimmingCharacters(in: .whitespaces)
            }
        }
        return String(line)
    }

    private static func files(_ layout: ClusterLayout) -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: layout.logDirectory)) ?? []
        return names.map { "\(layout.logDirectory)/\($0)" }
    }

    private static func contents(_ path: String) -> Data {
        FileManager.default.contents(atPath: path) ?? Data()
    }
}
