import Foundation

/// What was measured, said while it goes on and written as JSON at the end.
final class Report {
    struct Figure: Codable {
        let group: String
        let name: String
        let value: Double
        let unit: String
        let bar: String?
        let isMet: Bool?
    }

    private(set) var figures: [Figure] = []
    var group = ""

    var missed: [Figure] { figures.filter { $0.isMet == false } }

    func begin(_ group: String, _ about: String) {
        self.group = group
        print("\n\(group): \(about)")
    }

    /// `atMost` and `atLeast` are bars; a figure without one is there to be read.
    func add(_ name: String, _ value: Double, _ unit: String, atMost: Double? = nil, atLeast: Double? = nil) {
        var bar: String?
        var isMet: Bool?
        if let atMost {
            bar = "<= \(Self.text(atMost))"
            isMet = value <= atMost
        } else if let atLeast {
            bar = ">= \(Self.text(atLeast))"
            isMet = value >= atLeast
        }
        figures.append(Figure(group: group, name: name, value: value, unit: unit, bar: bar, isMet: isMet))
        let verdict = bar.map { "  \($0)  \(isMet == true ? "met" : "NOT MET")" } ?? ""
        let label = name.padding(toLength: max(58, name.count), withPad: " ", startingAt: 0)
        let number = Self.text(value)
        print("  \(label) \(String(repeating: " ", count: max(0, 10 - number.count)))\(number) \(unit)\(verdict)")
        fflush(nil)
    }

    func add(_ name: String, _ latencies: Latencies, p50 most50: Double? = nil, p99 most99: Double? = nil) {
        add("\(name), p50 of \(latencies.count)", latencies.p50, "ms", atMost: most50)
        add("\(name), p99", latencies.p99, "ms", atMost: most99)
    }

    func note(_ text: String) {
        print("  \(text)")
        fflush(nil)
    }

    func write(to path: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        try encoder.encode(figures).write(to: URL(fileURLWithPath: path), options: .atomic)
    }

    private static func text(_ value: Double) -> String {
        let size = abs(value)
        return String(format: size >= 1000 ? "%.0f" : size >= 20 ? "%.1f" : "%.2f", value)
    }
}
