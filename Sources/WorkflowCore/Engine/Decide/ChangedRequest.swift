// A resend that would not send what was sent before under its idempotency key.

extension Hold {
    public static let requestChanged = "request_changed"
}

extension Decision {
    /// The same decision without its call: nothing is sent, and a person is told in what the request would differ.
    public func heldForChanges(
        _ names: [String], of planned: PlannedCall, _ definition: Definition, _ context: DecisionContext
    ) -> Decision {
        var turn = DecisionBuilder(state, definition, context)
        let next = turn.holdChanged(names, of: planned)
        return Decision(events: events + turn.events, state: turn.state, next: next)
    }
}

extension DecisionBuilder {
    fileprivate mutating func holdChanged(_ names: [String], of planned: PlannedCall) -> NextStep {
        let call = planned.call
        let text =
            "\(call.method) \(call.path.source) of service \(call.service) was sent before under its idempotency key, and "
            + "would now differ in \(names.joined(separator: ", ")). Under the same key a platform refuses other bytes, or "
            + "takes them for the first request, so nothing was sent. Put back what was changed, or decide."
        var facts: JSONObject = [
            "error": .string(Hold.requestChanged), "changed": .array(names.map { .string($0) }),
        ]
        if let first = planned.frozen?.attemptId { facts["attempt"] = .string(first.description) }
        let choices: [HoldChoice] = [.retry, .done, .retryAnyway, .abandon]
        return hold(code: Hold.requestChanged, text, choices: choices.map(\.rawValue), facts: facts)
    }
}
