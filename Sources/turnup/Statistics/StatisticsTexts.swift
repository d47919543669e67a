import ArgumentParser
import Diagnostics
import Foundation

/// What `turnup statistics` says.
enum StatisticsTexts {
    static let noWholeId = ValidationError("--after is not a whole run id")

    static func counts(_ tally: FleetCheck.Tally) -> String {
        "\(TerminalTexts.counted(tally.runs, "run")), \(TerminalTexts.counted(tally.events, "event")), "
            + "\(tally.differing) differ"
    }

    static func differs(_ difference: FleetCheck.Difference) -> String {
        guard let row = difference.row else { return "run \(difference.run) has no row" }
        return "run \(difference.run) differs: the log says \(difference.log), the row says \(row)"
    }

    static func end(_ tally: FleetCheck.Tally, isWritten: Bool, seconds: Double) -> String {
        let waiting = tally.waiting == 0 ? "" : ", \(tally.waiting) not read by a worker yet"
        let written = isWritten && tally.differing + tally.waiting > 0 ? ", written anew" : ""
        return "\(counts(tally))\(waiting)\(written), \(String(format: "%.1f", seconds)) s"
    }

    static func goOn(after run: String) -> String { "Interrupted. Go on with --after \(run)" }
}
