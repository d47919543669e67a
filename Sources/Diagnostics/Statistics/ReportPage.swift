public import EventStore
import WorkflowCore

/// The report as one HTML file: no script, and nothing from elsewhere, which its policy says to the browser, too.
public enum ReportPage {
    private static let title = "Turnup: what ended, and why"

    public static func html(_ report: FleetReport) -> String {
        var parts = [
            "<h1>\(escaped(title))</h1>", "<p>\(escaped(head(report)))</p>",
            "<h2>\(escaped("What failed, was cancelled or is held"))</h2>", table(report.failures),
        ]
        if !report.days.isEmpty {
            parts += ["<h2>\(escaped("Verdicts by day"))</h2>", Plot.stacked(days(report.days))]
        }
        if !report.retries.isEmpty {
            let bars = report.retries.map { item in
                (item.retries == FleetReport.Retries.most ? "\(item.retries)+" : "\(item.retries)", item.runs)
            }
            parts += ["<h2>\(escaped("Further tries that runs needed"))</h2>", Plot.bars(bars)]
        }
        for service in report.services where !service.ages.isEmpty {
            let activations = Activations(service.ages)
            let text =
                activations.forecast?.text
                ?? "\(activations.count) became active; \(Activations.fewest) are needed to say how long keys take."
            parts += [
                "<h2>\(escaped("How old keys of \(service.name) were when they were accepted"))</h2>",
                "<p>\(escaped(text))</p>",
                Plot.bars(ages(service.ages)),
            ]
        }
        return """
            <!doctype html>
            <html lang="en"><head><meta charset="utf-8">
            <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
            <title>\(escaped(title))</title><style>
            body { font: 15px/1.5 sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; color: #222 }
            table { border-collapse: collapse } th, td { text-align: left; padding: 0.2em 1em 0.2em 0 }
            td:first-child, th:first-child { text-align: right } tr + tr { border-top: 1px solid #ddd }
            svg { width: 100%; height: auto } svg text { font: 11px sans-serif; fill: #444 }
            </style></head><body>
            \(parts.joined(separator: "\n"))
            </body></html>

            """
    }

    /// Text of others, such as an organisation's name, is shown and never obeyed.
    static func escaped(_ text: String) -> String {
        text.reduce(into: "") { result, character in
            switch character {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            default:
                result +=
                    character.unicodeScalars.contains { $0.properties.generalCategory == .control }
                    ? "?" : String(character)
            }
        }
    }

    /// The window, and how many runs ended how.
    public static func head(_ report: FleetReport) -> String {
        let clock = ClockText(isUTC: true)
        let counts = report.statuses.map { "\($0.runs) \($0.status.rawValue)" }
        let none = report.unread > 0 ? "nothing that was read ended or is held" : "nothing ended, and nothing is held"
        return "From \(clock.dateAndTime(report.since)) to \(clock.dateAndTime(report.now)) UTC: "
            + (counts.isEmpty ? none : counts.joined(separator: ", "))
            + (report.unread > 0 ? "; \(report.unread) changed, and no worker has read it yet." : ".")
    }

    private static func table(_ failures: [FleetReport.Failure]) -> String {
        guard !failures.isEmpty else { return "<p>\(escaped("Nothing failed."))</p>" }
        let heads = ["Runs", "Verdict", "Confidence", "Service", "Organisation", "Newest run"]
        let rows = failures.map { item in
            [
                String(item.runs), item.verdict, item.confidence ?? "-", item.service ?? "-", item.organisation,
                item.newest.description,
            ]
        }
        func row(_ cells: [String], _ tag: String) -> String {
            "<tr>" + cells.map { "<\(tag)>\(escaped($0))</\(tag)>" }.joined() + "</tr>"
        }
        return "<table>\n" + row(heads, "th") + "\n" + rows.map { row($0, "td") }.joined(separator: "\n") + "\n</table>"
    }

    /// One column a day; the six most frequent verdicts have a part of their own.
    private static func days(_ days: [FleetReport.Day]) -> [Plot.Column] {
        let totals = Dictionary(days.map { ($0.verdict, $0.runs) }, uniquingKeysWith: +)
        let named = Set(totals.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.prefix(6).map(\.key))
        var columns: [Plot.Column] = []
        for item in days {
            if columns.last?.label != item.day { columns.append(Plot.Column(label: item.day, parts: [])) }
            let name = named.contains(item.verdict) ? item.verdict : "all others"
            columns[columns.count - 1].add(name, item.runs)
        }
        return columns
    }

    /// Each column is twice as long as the one before.
    private static func ages(_ ages: [KeyAge]) -> [(String, Int)] {
        let active = ages.filter(\.isActive).map(\.milliseconds)
        var bars: [(String, Int)] = []
        var (low, high): (Int64, Int64) = (0, 1000)
        while let most = active.max(), low <= most, bars.count < 40 {
            bars.append(
                (
                    "≤ " + Phrases.span(milliseconds: high),
                    active.count { $0 > low && $0 <= high || $0 == 0 && low == 0 }
                ))
            (low, high) = (high, high * 2)
        }
        return bars
    }
}
