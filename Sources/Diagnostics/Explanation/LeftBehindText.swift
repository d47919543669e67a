public import WorkflowCore

/// Says for people what a run may leave behind.
public enum LeftBehindText {
    /// The mark in a list, where there is no room for more.
    public static let mark = "something may be left behind"

    public static func line(_ item: LeftBehind) -> String {
        let what = item.request.map { "\($0) in state \(item.state)" } ?? "state \(item.state)"
        let values = values(item)
        let verb = item.isCertain ? "made" : "may have made"
        let text = "what \(what) \(verb)\(values.isEmpty ? "" : " (\(values.joined(separator: ", ")))")"
        if item.reason == .toBeTakenBack { return "to be taken back: \(text)" }
        return "may be left behind: \(text): \(reason(item))"
    }

    /// What identifies it; of a secret the fingerprint.
    private static func values(_ item: LeftBehind) -> [String] {
        item.saved.members.map { "\($0.name)=\(Timeline.plain($0.value))" }
            + item.sealed.map { "\($0.name) \($0.fingerprint)" }
    }

    private static func reason(_ item: LeftBehind) -> String {
        let lost = "the answer was lost\(item.error.map { " (\($0))" } ?? "")"
        return switch item.reason {
        case .answerLost: lost
        case .sentAgain: "\(lost), and a person had the call sent again"
        case .noUndo: "the workflow declares no undo for it"
        case .lateAnswer: "its answer came when the run had ended"
        case .undoSkipped: "its undo needs values that nobody knows"
        case .undoFailed: "taking it back failed"
        case .undoGivenUp: "a person gave up taking it back"
        case .notTakenBack: "the run ended without taking it back"
        case .toBeTakenBack: "the run has not ended"
        }
    }
}
