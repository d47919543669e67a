/// Columns as inline SVG.
enum Plot {
    struct Column {
        let label: String
        var parts: [(name: String, count: Int)]

        mutating func add(_ name: String, _ count: Int) {
            if let place = parts.firstIndex(where: { $0.name == name }) {
                parts[place].count += count
            } else {
                parts.append((name, count))
            }
        }

        var total: Int { parts.reduce(0) { $0 + $1.count } }
    }

    private static let (width, height, foot) = (800.0, 180.0, 34.0)
    private static let colours = ["#4e79a7", "#f28e2b", "#59a14f", "#e15759", "#b07aa1", "#76b7b2", "#bab0ac"]

    static func bars(_ items: [(label: String, count: Int)]) -> String {
        stacked(items.map { Column(label: $0.label, parts: [("", $0.count)]) })
    }

    /// A legend where the parts have names. A column tells its numbers to whoever points at it.
    static func stacked(_ columns: [Column]) -> String {
        guard let most = columns.map(\.total).max(), most > 0 else { return "" }
        let totals = Dictionary(columns.flatMap(\.parts).map { ($0.name, $0.count) }, uniquingKeysWith: +)
        let names = totals.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map(\.key)
        func colour(_ name: String) -> String { colours[(names.firstIndex(of: name) ?? 0) % colours.count] }
        let step = width / Double(columns.count)
        // So many labels fit beside each other.
        let every = max(1, Int((Double(columns.count) * 80 / width).rounded(.up)))
        var shapes: [String] = []
        for (index, column) in columns.enumerated() {
            var top = height
            let left = Double(index) * step
            for part in column.parts.sorted(by: {
                names.firstIndex(of: $0.name) ?? 0 < names.firstIndex(of: $1.name) ?? 0
            })
            where part.count > 0 {
                let size = Double(part.count) / Double(most) * (height - 20)
                top -= size
                let title =
                    [column.label, part.name].filter { !$0.isEmpty }.joined(separator: ", ") + ": \(part.count)"
                shapes.append(
                    "<rect x=\"\(round(left + step * 0.1))\" y=\"\(round(top))\" width=\"\(round(step * 0.8))\" "
                        + "height=\"\(round(max(size, 1)))\" fill=\"\(colour(part.name))\">"
                        + "<title>\(ReportPage.escaped(title))</title></rect>")
            }
            if column.total > 0, columns.count <= 40 {
                shapes.append(text(left + step / 2, top - 4, String(column.total), anchor: "middle"))
            }
            if index % every == 0 {
                shapes.append(text(left + step / 2, height + 14, column.label, anchor: "middle"))
            }
        }
        let legend = names.filter { !$0.isEmpty }
        for (index, name) in legend.enumerated() {
            let left = Double(index) * width / Double(legend.count)
            shapes.append(
                "<rect x=\"\(round(left))\" y=\"\(height + 22)\" width=\"9\" height=\"9\" fill=\"\(colour(name))\"/>")
            shapes.append(text(left + 13, height + 31, name, anchor: "start"))
        }
        return "<svg viewBox=\"0 0 \(Int(width)) \(Int(height + foot))\" role=\"img\">\n"
            + shapes.joined(separator: "\n") + "\n</svg>"
    }

    private static func text(_ x: Double, _ y: Double, _ text: String, anchor: String) -> String {
        "<text x=\"\(round(x))\" y=\"\(round(y))\" text-anchor=\"\(anchor)\">\(ReportPage.escaped(text))</text>"
    }

    private static func round(_ number: Double) -> Double { (number * 10).rounded() / 10 }
}
