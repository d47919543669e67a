import WorkflowCore

/// A create that can be looked up and taken back, and a step after it.
func asked(
    one: ReconcileOne = .adopt, none: ReconcileNone = .resend, undo: Bool = true, undoesAdopted: Bool = false,
    gone: UndoDefinition.Gone = .notCheckable,
    retry: [RetryEntry] = [], catches: [CatchEntry] = [], idempotency: IdempotencyDefinition? = nil,
    reconciles: Bool = true, condition: String = "item.reference == run.id", filter: LookUpFilter? = nil,
    pages: LookUpPages? = nil, withinMilliseconds: Int64? = nil, identity: IdentityDefinition? = nil,
    undoPath: String = "/clients/${data.session}", deadlineMilliseconds: Int64? = nil
) -> Definition {
    Sample.definition(
        start: "requested",
        [
            StateDefinition(
                name: "requested",
                action: .call(
                    Sample.call(
                        "create", "/clients/${run.id}", isRepeatable: false, save: [("session", "${response.body.id}")],
                        idempotency: idempotency)),
                retry: retry, catches: catches, exit: .next("token-pending"),
                reconcile: reconciles
                    ? ReconcileDefinition(
                        call: Sample.call("list", "/clients", isRepeatable: true),
                        items: Sample.expression("response.body"), condition: Sample.expression(condition),
                        filter: filter, pages: pages, withinMilliseconds: withinMilliseconds, one: one, none: none)
                    : nil,
                identity: identity,
                undo: undo ? Sample.undo("delete", undoPath, gone: gone, takesBackAdopted: undoesAdopted) : nil,
                deadlineMilliseconds: deadlineMilliseconds),
            StateDefinition(name: "token-pending", action: .call(Sample.token), exit: .next("active")),
        ])
}

extension AttemptResult {
    static let foundOne = AttemptResult(outcome: .done, status: 200, saved: ["session": "s-7"], found: 1)
    static let foundNone = AttemptResult(outcome: .done, status: 200, found: 0)
    static let refusedForGood = AttemptResult(outcome: .notDone, error: "http.403", status: 403)
    static let takenBack = AttemptResult(outcome: .done, status: 204)
}

extension NextStep {
    var purpose: Purpose? { if case .call(let planned) = self { planned.purpose } else { nil } }
}

extension TestRun {
    /// Lets each look-up find nothing, from the open one on, until that is a proof. The step after it.
    mutating func findNothing() throws -> NextStep {
        var next = try finish(.foundNone)
        while let wait = next.waits, state.unknown?.isLookedUp == true {
            guard try claim(after: wait).purpose == .lookup else { throw BrokenPromise("no look-up after \(wait) ms") }
            next = try finish(.foundNone)
        }
        return next
    }
}
