// What another run has is never this run's.

extension DecisionBuilder {
    /// Names the thing that the run takes for its own. The store refuses the event when another run has it.
    func claimThing(of here: StateDefinition, in body: inout JSONObject, _ attempt: OpenAttempt) {
        guard here.namesItsThing, here.identity != IdentityDefinition.none else { return }
        let thing = here.thing(in: folded(.attemptDone, body, attemptId: attempt.id))
        body["thing"] = thing?.json
        // Nothing can be compared then, so the history says it.
        if thing == nil { body["nameless"] = true }
    }

    /// Another run has the thing that an answer or a look-up named. The run takes nothing of it, will not take it back,
    /// and asks a person.
    mutating func refuseThing(
        heldBy other: Identifier, _ here: StateDefinition, _ given: JSONObject, _ saved: JSONObject,
        _ attempt: OpenAttempt
    ) -> NextStep {
        var body = given
        let thing = here.thing(in: folded(.attemptDone, given, attemptId: attempt.id))
        let name = thing.map { "\"\($0.identity)\"" } ?? "something"
        body["saved"] = nil
        body["takes_back"] = nil
        body["made"] = false
        body["held_by"] = .string(other.description)
        emit(.attemptDone, body, attemptId: attempt.id)
        if attempt.purpose == .lookup {
            return holdUnknown(
                here, "The look-up found \(name), which run \(other) has or may have left there",
                error: Hold.thingOfAnotherRun,
                candidates: [saved], heldBy: other)
        }
        guard state.cancel == nil, let call = here.call else { return flow() }
        return hold(
            code: Hold.thingOfAnotherRun,
            "\(call.method) \(call.path.source) of service \(call.service) answered with \(name), which run \(other) has "
                + "or may have left there. The platform may have made nothing, or something beside it. Look at the "
                + "platform, then decide: it can be adopted, and is then shared, and never taken back for this run.",
            choices: [HoldChoice.adopt, .done, .retryAnyway, .abandon].map(\.rawValue),
            facts: [
                "error": .string(Hold.thingOfAnotherRun), "run": .string(other.description),
                "candidates": [.object(saved)],
            ])
    }
}
