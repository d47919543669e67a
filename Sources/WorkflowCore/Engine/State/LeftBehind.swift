/// A thing that a run made, or may have made, and that may still be on the platform.
public struct LeftBehind: Sendable, Equatable {
    /// Why nothing has taken it back.
    public enum Reason: String, Sendable, CaseIterable {
        /// Nobody knows whether there is anything.
        case answerLost = "answer_lost"
        /// The same, and a person had the call sent again: there may be two.
        case sentAgain = "sent_again"
        case noUndo = "no_undo"
        /// The answer came when the run had gone on without it, or had ended.
        case lateAnswer = "late_answer"
        /// The answer named what another run has. Whether anything was made beside that, nobody knows.
        case thingOfAnotherRun = "thing_of_another_run"
        /// The undo needs values that nobody knows.
        case undoSkipped = "undo_skipped"
        case undoFailed = "undo_failed"
        /// The undo was sent, and the thing is not seen to be gone.
        case notGone = "not_gone"
        case undoGivenUp = "undo_given_up"
        /// The run ended, as its definition says, without taking it back.
        case notTakenBack = "not_taken_back"
        /// The run has not ended, and takes it back when it fails or is cancelled.
        case toBeTakenBack = "to_be_taken_back"
    }

    /// The state whose call it was.
    public let state: String
    /// The call as its intent names it: method, service and path template.
    public let request: String?
    public let attemptId: Identifier?
    /// Whether an answer, a look-up or a person says that it was made.
    public let isCertain: Bool
    public let reason: Reason
    /// The error that took the place of the answer.
    public let error: String?
    /// The values that identify it, as far as they are known.
    public let saved: JSONObject
    public let sealed: [SealedReference]

    public init(
        state: String, request: String?, attemptId: Identifier?, isCertain: Bool, reason: Reason, error: String?,
        saved: JSONObject, sealed: [SealedReference]
    ) {
        self.state = state
        self.request = request
        self.attemptId = attemptId
        self.isCertain = isCertain
        self.reason = reason
        self.error = error
        self.saved = saved
        self.sealed = sealed
    }
}

/// A thing that a run made, or may have made, and that was taken back.
public struct TakenBack: Sendable, Equatable {
    public enum Proof: String, Sendable, CaseIterable {
        /// Look-ups have seen that it is gone.
        case seen
        /// The platform said so, and cannot be asked.
        case word
        /// A person took it back.
        case person
    }

    /// The state whose call it was, the call as its intent names it, and its attempt.
    public let state: String
    public let request: String?
    public let attemptId: Identifier
    /// Whether an answer, a look-up or a person says that it was made.
    public let isCertain: Bool
    public let proof: Proof
    public let saved: JSONObject
    public let sealed: [SealedReference]

    public init(
        state: String, request: String?, attemptId: Identifier, isCertain: Bool, proof: Proof, saved: JSONObject,
        sealed: [SealedReference]
    ) {
        self.state = state
        self.request = request
        self.attemptId = attemptId
        self.isCertain = isCertain
        self.proof = proof
        self.saved = saved
        self.sealed = sealed
    }
}

/// Folds a run's events into what the run may leave behind. The run's own fold keeps only that there may be something;
/// this one keeps what, and is made for people alone.
public struct LeftBehindFold: Sendable {
    public let run: Identifier
    public private(set) var state: RunState?
    /// What nothing takes back any more, the oldest first.
    private var left: [LeftBehind] = []
    /// What was taken back, the first one first.
    public private(set) var takenBack: [TakenBack] = []
    /// The calls of the attempts, as their intents name them.
    private var requests: [Identifier: String] = [:]

    public init(run: Identifier) { self.run = run }

    public mutating func add(_ event: RecordedEvent) throws(EvolveError) {
        let before = state
        let after = try evolve(before, run: run, event)
        if let id = event.attemptId, event.type == EventType.attemptStarted.rawValue {
            requests[id] = event.body["request"]?.stringValue
        }
        if let before { noteTakenBack(event, before) }
        if var before {
            // Without its mark the state says of this one event whether it leaves something.
            before.mayHaveCreated = false
            before.mayHaveSurplus = false
            let isSurplus = try evolve(before, run: run, event).mayHaveSurplus
            let late = before.lateAnswer
            before.lateAnswer = nil
            let without = try evolve(before, run: run, event)
            if without.mayHaveCreated { note(event, before) }
            // Only the late success that the run goes on without makes the difference.
            if let late, isSurplus, !without.mayHaveSurplus { note(event, without: late, before) }
        }
        if !after.mayHaveCreated { left = [] }
        state = after
    }

    /// All that may be there, the oldest first. What a run that succeeded goes on with is not left behind.
    public var items: [LeftBehind] {
        guard let state else { return [] }
        if state.status == .succeeded { return left.filter { $0.reason != .noUndo } }
        var items =
            left
            + state.undoList.map { entry in
                item(entry, Self.reason(entry, state), error: entry.isCertain ? nil : state.unknown?.error)
            }
        let entry = state.undoEntryOfStay.map { state.undoList[$0] }
        if let late = state.lateAnswer, late.saysMade, entry?.isCertain != false || entry?.attemptId != late.attemptId {
            Self.add(item(late, state), to: &items)
        }
        if let unknown = state.unknown, entry == nil { Self.add(lost(unknown, state, .answerLost), to: &items) }
        return items
    }

    private static let ofOneAnswer: Set<LeftBehind.Reason> = [.answerLost, .sentAgain, .lateAnswer, .thingOfAnotherRun]

    /// One call stands there once, by the last word on its answer; what is certain stays so.
    private static func add(_ item: LeftBehind, to items: inout [LeftBehind]) {
        let place = items.firstIndex {
            $0.attemptId == item.attemptId && item.attemptId != nil && ofOneAnswer.contains($0.reason)
        }
        let skipped =
            item.reason == .lateAnswer
            ? items.firstIndex { $0.attemptId == item.attemptId && $0.reason == .undoSkipped && !$0.isCertain } : nil
        guard ofOneAnswer.contains(item.reason), let place = place ?? skipped else { return items.append(item) }
        if !items[place].isCertain { items[place] = item }
    }

    private static func reason(_ entry: UndoEntry, _ state: RunState) -> LeftBehind.Reason {
        if state.status.isEnded { return .notTakenBack }
        guard state.hold?.code == "undo_failed", entry == state.undoList.last else { return .toBeTakenBack }
        return state.goneLook == nil ? .undoFailed : .notGone
    }

    private mutating func noteTakenBack(_ event: RecordedEvent, _ before: RunState) {
        let isReplaced = before.ending == nil
        let proof: TakenBack.Proof
        switch EventType(rawValue: event.type) {
        case .attemptDone:
            guard let said = event.body["gone"]?.stringValue.flatMap(GoneProof.init), said != .notGone else { return }
            proof = said == .seen ? .seen : .word
        case .runResolved:
            guard event.body["choice"]?.stringValue == HoldChoice.done.rawValue, !isReplaced || before.isReplacing
            else { return }
            proof = .person
        default: return
        }
        let entry = isReplaced ? before.undoEntryOfStay.map { before.undoList[$0] } : before.undoList.last
        guard let entry else { return }
        takenBack.append(
            TakenBack(
                state: entry.state, request: requests[entry.attemptId], attemptId: entry.attemptId,
                isCertain: entry.isCertain, proof: proof, saved: entry.saved, sealed: entry.sealed))
    }

    /// The run goes on without a late success; or a person takes it, and a request after it was lost.
    private mutating func note(_ event: RecordedEvent, without late: LateAnswer, _ before: RunState) {
        if event.body["late"]?.stringValue == late.attemptId.description, let unknown = before.unknown {
            return Self.add(lost(unknown, before, .answerLost), to: &left)
        }
        Self.add(item(late, before), to: &left)
    }

    private mutating func note(_ event: RecordedEvent, _ before: RunState) {
        let choice = event.body["choice"]?.stringValue.flatMap(HoldChoice.init)
        // What was adopted was there before; but the lost request may have made something beside it.
        if event.body["made"]?.boolValue == false, event.type != EventType.attemptLate.rawValue {
            let isOwnAnswer = before.openAttempt?.purpose == .call || event.type == EventType.attemptSettled.rawValue
            guard event.body["held_by"] != nil, isOwnAnswer else {
                return Self.add(forgotten(event, before, .answerLost), to: &left)
            }
            if let unknown = before.unknown { Self.add(lost(unknown, before, .answerLost), to: &left) }
            return Self.add(
                LeftBehind(
                    state: before.state, request: event.attemptId.flatMap { requests[$0] }, attemptId: event.attemptId,
                    isCertain: false, reason: .thingOfAnotherRun, error: nil, saved: JSONObject(), sealed: []),
                to: &left)
        }
        switch EventType(rawValue: event.type) {
        case .undoSkipped: left += before.undoList.suffix(1).map { item($0, .undoSkipped) }
        case .runResolved where choice == .abandon && before.ending != nil:
            left += before.undoList.map { item($0, .undoGivenUp) }
        case .runResolved where choice == .done || choice == .adopt:
            left.append(made(event, by: before.unknown?.attemptId, before))
        case .attemptLate:
            if let late = LateAnswer(event) {
                Self.add(item(late, before, state: event.body["state"]?.stringValue), to: &left)
            }
        case .attemptDone where before.openAttempt?.purpose == .call, .attemptSettled:
            left.append(made(event, by: event.attemptId, before))
        case .attemptDone where event.body["settled"]?.stringValue == "adopt":
            left.append(made(event, by: before.unknown?.attemptId, before))
        default:
            Self.add(forgotten(event, before, choice == .retryAnyway ? .sentAgain : .answerLost), to: &left)
        }
    }

    /// A lost answer that the run has gone on from.
    private func forgotten(_ event: RecordedEvent, _ before: RunState, _ reason: LeftBehind.Reason) -> LeftBehind {
        if let unknown = before.unknown { return lost(unknown, before, reason) }
        return LeftBehind(
            state: before.state, request: event.attemptId.flatMap { requests[$0] }, attemptId: event.attemptId,
            isCertain: false, reason: reason, error: event.body["error"]?.stringValue, saved: JSONObject(), sealed: [])
    }

    private func lost(_ unknown: UnknownOutcome, _ state: RunState, _ reason: LeftBehind.Reason) -> LeftBehind {
        LeftBehind(
            state: state.state, request: requests[unknown.attemptId], attemptId: unknown.attemptId, isCertain: false,
            reason: reason, error: unknown.error, saved: JSONObject(), sealed: [])
    }

    /// What a late success says was made; one that names what another run has says nothing for certain.
    private func item(_ late: LateAnswer, _ before: RunState, state: String? = nil) -> LeftBehind {
        let isForeign = late.heldBy != nil
        return LeftBehind(
            state: state ?? before.state, request: requests[late.attemptId], attemptId: late.attemptId,
            isCertain: !isForeign, reason: isForeign ? .thingOfAnotherRun : .lateAnswer, error: nil,
            saved: isForeign ? JSONObject() : late.saved, sealed: isForeign ? [] : late.sealed)
    }

    private func made(_ event: RecordedEvent, by attempt: Identifier?, _ before: RunState) -> LeftBehind {
        LeftBehind(
            state: before.state, request: attempt.flatMap { requests[$0] }, attemptId: attempt, isCertain: true,
            reason: .noUndo, error: nil, saved: event.body["saved"]?.objectValue ?? JSONObject(),
            sealed: (event.body["sealed"]?.arrayValue ?? []).compactMap { SealedReference($0) })
    }

    private func item(_ entry: UndoEntry, _ reason: LeftBehind.Reason, error: String? = nil) -> LeftBehind {
        LeftBehind(
            state: entry.state, request: requests[entry.attemptId], attemptId: entry.attemptId,
            isCertain: entry.isCertain, reason: reason, error: error, saved: entry.saved, sealed: entry.sealed)
    }
}
