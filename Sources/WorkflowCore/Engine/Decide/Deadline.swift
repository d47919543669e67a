// Deadlines, and what is left of a wait.

extension DecisionBuilder {
    enum Passed {
        /// The run stands in another state now.
        case left
        case ends(NextStep)
    }

    /// The time to the nearest deadline of a live run; nil during an undo, because an undo must end well.
    var millisecondsToDeadline: Int64? {
        guard state.status == .live, state.ending == nil, let here else { return nil }
        if case .end = here.exit { return nil }
        return min(runDeadlineLeft, stateDeadlineLeft(here) ?? .max)
    }

    private var runDeadlineLeft: Int64 {
        left(of: definition.deadlineMilliseconds, since: state.deadlineSince, held: state.heldMilliseconds)
    }

    private func stateDeadlineLeft(_ here: StateDefinition) -> Int64? {
        here.deadlineMilliseconds.map { left(of: $0, since: state.enteredAt, held: state.heldInStateMilliseconds) }
    }

    private func left(of span: Int64, since: Instant, held: Int64) -> Int64 {
        Wait(since: since, milliseconds: span.addingClamped(held)).remainingMilliseconds(now: context.now)
    }

    /// Nil: no deadline has passed.
    mutating func passDeadline(_ here: StateDefinition) -> Passed? {
        let isOfRun = runDeadlineLeft <= 0
        let isOfState = stateDeadlineLeft(here).map { $0 <= 0 } ?? false
        guard isOfRun || isOfState else { return nil }
        let span = isOfRun ? definition.deadlineMilliseconds : here.deadlineMilliseconds ?? 0
        let text =
            "the deadline of \(RetryArithmetic.spanText(span)) of \(isOfRun ? "the run" : "state \(here.name)") passed"
        if state.unknown != nil || state.isReplacing {
            return .ends(holdUnknown(here, "\(text) before it was known what became of the request", error: "deadline"))
        }
        // After the run's own deadline no state can help any more, so nothing catches it.
        return giveUp(here, error: "deadline", text: text, skipsCatch: isOfRun).map { .ends($0) } ?? .left
    }

    /// What is left of a scheduled wait, but no longer than the time to the deadline.
    func waitLeft(service: String?) -> NextStep? {
        let settles = state.unknown?.isLookedUp == true ? state.unknown?.settles : nil
        let gone = state.goneLook?.isLookedUp == true ? state.goneLook?.settles : nil
        let rest = [state.wait, settles, gone].compactMap { $0?.remainingMilliseconds(now: context.now) }.max() ?? 0
        let left = min(rest, millisecondsToDeadline ?? .max)
        return left > 0 ? .wait(milliseconds: left, service: service) : nil
    }

    /// The service of the next call.
    func service(of here: StateDefinition) -> String? {
        if state.isReplacing { return here.undo.map { takingBack($0, here).call.service } }
        if state.unknown?.isLookedUp == true { return here.reconcile?.call.service }
        return here.call?.service
    }
}
