public import WorkflowCore

/// Says for people what a run may leave behind.
public enum LeftBehindText {
    /// The mark in a list, where there is no room for more.
    public static let mark = "something may be left behind"
    /// The same of a run that succeeded.
    public static let markBeside = "something may be left behind beside it"

    public static func line(_ item: LeftBehind) -> String {
        let text = what(item.request, item.state, item.isCertain, item.saved, item.sealed)
        if item.reason == .toBeTakenBack { return "to be taken back: \(text)" }
        return "may be left behind: \(text): \(reason(item))"
    }

    public static func line(_ item: TakenBack) -> String {
        let text = what(item.request, item.state, item.isCertain, item.saved, item.sealed)
        return switch item.proof {
        case .seen: "taken back and seen to be gone: \(text)"
        case .word: "taken back on the platform's word: \(text)"
        case .person: "taken back by a person: \(text)"
        }
    }

    /// The call, and what identifies the thing; of a secret the fingerprint.
    private static func what(
        _ request: String?, _ state: String, _ isCertain: Bool, _ saved: JSONObject, _ sealed: [SealedReference]
    ) -> String {
        let call = request.map { "\($0) in state \(state)" } ?? "state \(state)"
        let values =
            saved.members.map { "\($0.name)=\(Timeline.plain($0.value))" }
            + sealed.map { "\($0.name) \($0.fingerprint)" }
        let verb = isCertain ? "made" : "may have made"
        return "what \(call) \(verb)\(values.isEmpty ? "" : " (\(values.joined(separator: ", ")))")"
    }

    private static func reason(_ item: LeftBehind) -> String {
        let lost = "the answer was lost\(item.error.map { " (\($0))" } ?? "")"
        return switch item.reason {
        case .answerLost: lost
        case .sentAgain: "\(lost), and a person had the call sent again"
        case .noUndo: "the workflow declares no undo for it"
        case .lateAnswer: "its answer came late, and the run is not the one that goes on with it"
        case .thingOfAnotherRun:
            "the answer named what another run has, and something may have been made beside that"
        case .undoSkipped: "its undo needs values that nobody knows"
        case .undoFailed: "taking it back failed"
        case .notGone: "its undo was sent, and it is not seen to be gone"
        case .undoGivenUp: "a person gave up taking it back"
        case .notTakenBack: "the run ended without taking it back"
        case .toBeTakenBack: "the run has not ended"
        }
    }
}
