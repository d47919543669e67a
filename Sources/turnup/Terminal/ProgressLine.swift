import Diagnostics
import Foundation

/// One line on the terminal that is written over; nothing when stderr is no terminal.
struct ProgressLine: Sendable {
    private let isShown = isatty(STDERR_FILENO) == 1 && ProcessInfo.processInfo.environment["TERM"] != "dumb"
    private let totalBytes: Int64?
    private let began = ContinuousClock.now
    private let before: (rows: Int64, bytes: Int64)
    private var isWritten = false

    private static let barWidth = 20

    init(totalBytes: Int64?, rows: Int64, bytes: Int64) {
        self.totalBytes = totalBytes
        before = (rows, bytes)
    }

    mutating func show(rows: Int64, bytes: Int64) {
        guard isShown else { return }
        isWritten = true
        let seconds = (ContinuousClock.now - began) / .seconds(1)
        // The last column stays free: some terminals go to the next line as soon as it is filled.
        Console.draw("\r\u{1B}[K" + text(rows: rows, bytes: bytes, seconds: seconds, width: Self.width - 1))
    }

    mutating func end() {
        if isWritten { Console.draw("\r\u{1B}[K") }
        isWritten = false
    }

    /// `[#########           ] 45 %, 45000 rows, 12000 a second, 5 s left`, or as much of it as the terminal is wide:
    /// a line that goes on in the next one could not be written over.
    func text(rows: Int64, bytes: Int64, seconds: Double, width: Int) -> String {
        let count = TerminalTexts.counted(rows, "row")
        let rate = seconds > 0 ? "\(Int((Double(rows - before.rows) / seconds).rounded())) a second" : nil
        var percent: String?
        var bar: String?
        var left: String?
        if let totalBytes, totalBytes > 0 {
            let share = Double(min(max(0, bytes), totalBytes)) / Double(totalBytes)
            percent = "\(Int(share * 100)) %"
            let filled = Int(share * Double(Self.barWidth))
            bar = "[\(String(repeating: "#", count: filled))\(String(repeating: " ", count: Self.barWidth - filled))] "
            let done = bytes - before.bytes
            if done > 0, seconds > 0 {
                let rest = (Double(max(0, totalBytes - bytes)) * seconds / Double(done)).rounded(.up)
                left = "\(Phrases.span(milliseconds: Int64(min(rest, 1e12)) * 1000)) left"
            }
        }
        let choices = [[percent, count, rate, left], [percent, count, left], [percent, left], [percent ?? count]]
            .map { $0.compactMap { $0 }.joined(separator: ", ") }
        let candidates = (bar.map { [$0 + choices[0]] } ?? []) + choices
        return candidates.first { $0.utf8.count <= width } ?? ""
    }

    /// Asked anew each time, because windows change their size.
    private static var width: Int {
        var size = winsize()
        guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }
}
