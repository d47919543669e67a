import ArgumentParser
import Diagnostics
import EventStore
import WorkflowCore

/// What "turnup diagnose" says; the verdicts have the words of `Diagnostics`.
enum DiagnoseTexts {
    static let whichRuns = ValidationError("name a run, or give --organisation or --all; one of them")
    static let blankOrganisation = ValidationError("--organisation is blank")
    static func noRun(of organisation: String?) -> CommandFailure {
        guard let organisation else { return .badInput("there is no run yet", hint: "Begin with \"turnup enqueue\".") }
        return .badInput("there is no run of organisation \(organisation)", hint: "See \"turnup runs\".")
    }

    static func run(_ run: RunOverview) -> String {
        "\(run.id), \(run.workflow) \(run.key) of \(run.organisation), \(run.status.rawValue) in \(run.state)"
    }
    static func confidence(_ verdict: Verdict) -> String {
        let rivals = verdict.rivals.map(\.rawValue)
        return switch verdict.confidence {
        case .settled: "settled (\(verdict.code.rawValue))"
        case .likely: "likely (\(verdict.code.rawValue)); it may still be \(rivals.joined(separator: " or "))"
        case .open: "open between \(rivals.joined(separator: " and "))"
        }
    }
    static func earliest(_ time: String) -> String { "\(time) at the earliest" }
}
