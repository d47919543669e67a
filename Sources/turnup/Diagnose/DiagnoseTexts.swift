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
    // MARK: Probes

    static let probeOfOneRun = ValidationError("--probe is for one run that is named")
    static let onlyWithProbe = ValidationError("--yes, --no-wait, --reason and --actor go with --probe")
    /// The reason in the history when a person asks for a probe and gives none.
    static let probeReason = "asked for by hand"

    /// Whom a probe touches, before it is sent.
    static func preview(_ body: JSONObject, of run: RunOverview, whose: RunOverview?) -> String {
        let request = body["request"]?.stringValue ?? "a request"
        let name = body["probe"]?.stringValue ?? ""
        let credential = body["credential"]?.stringValue.flatMap(ProbeDefinition.Credential.init)
        let isVouched = credential?.needsVouching == true
        let touched =
            switch credential {
            case .older:
                "the key of \(whose?.key ?? "another run") (run \(body["of_run"]?.stringValue ?? "?")), and with it the account of "
                    + "that number; it leaves a word in both histories"
            case .random: "a key that is made up; no account that is known here is touched"
            case .current, nil: "the key that run \(run.id) has, and with it the account of \(run.key)"
            }
        return "Probe \(name) sends \(request) once, with \(touched).\n"
            + (isVouched
                ? "The author of \(run.workflow) \(run.version) vouches that this neither locks an account nor ends another token."
                : "\(run.workflow) \(run.version) says that this request is harmless to repeat.")
    }
    static let question = "Send it? [y/N] "
    private static let nothingSent = "Nothing was sent."
    static let nobodyToAsk = CommandFailure.badInput(
        "a probe is confirmed, and there is no terminal to ask", hint: "Give --yes. \(nothingSent)")
    static let notSent = CommandFailure.failed("not confirmed", hint: nothingSent)
    static let mostOfRun = CommandFailure.badInput(
        "\(ProbeDefinition.mostOfRun) probes of this run were asked for in the last 24 hours, and more are not sent",
        hint: nothingSent)
    static func mostOf(_ organisation: String) -> CommandFailure {
        .badInput(
            "\(ProbeDefinition.mostOfOrganisation) probes of organisation \(organisation) were asked for in the last 24 hours, "
                + "and more are not sent", hint: nothingSent)
    }
    static func paused(_ service: String, _ why: String) -> CommandFailure {
        .badInput(
            "service \(service) is paused\(why.isEmpty ? "" : " (\(why))")",
            hint: "See \"turnup service list\". \(nothingSent)")
    }
    static let alwaysMoves = CommandFailure.failed(
        "the run moved on each time before the probe could be asked for", hint: nothingSent)
    static func isAsked(_ probe: String, of run: String) -> String {
        "Probe \(probe) is asked for. Its answer will stand in \"turnup history \(run)\"."
    }
    static func dropped(_ probe: String, _ why: String) -> CommandFailure {
        .failed("probe \(probe) was not sent: \(why)")
    }
    static func unanswered(_ probe: String) -> CommandFailure {
        .failed("probe \(probe) got no answer, so it told nothing", hint: "It can be asked for once more.")
    }

    static func earliest(_ time: String) -> String { "\(time) at the earliest" }
}
