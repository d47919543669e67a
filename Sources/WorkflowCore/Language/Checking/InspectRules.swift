// How a run that succeeded is inspected.

extension DraftChecker {
    mutating func checkInspect(_ state: DraftState) {
        guard let inspect = state.inspect else { return }
        for (index, call) in inspect.before.enumerated() {
            refuseUnsafe(call, state, at: inspect.path.member("before").item(index))
        }
        if let call = inspect.call { refuseUnsafe(call, state, at: inspect.path.member("call")) }
        if let lookUp = inspect.lookUp, let built = checkLook(lookUp, of: state, after: nil),
            built.condition.runReferences.isEmpty
        {
            report(
                .lookUpOfNobody, lookUp.path.member("where"), .value,
                "state \"\(state.name)\": \"where\" compares nothing of this run, so what others have there would count "
                    + "as this run's",
                hint: "compare what the run made, such as item.id == data.id")
        }
    }

    /// E301: an inspection comes again and again.
    private mutating func refuseUnsafe(_ call: DraftState.Call, _ state: DraftState, at path: DefinitionPath) {
        guard let call = draft.call(call), !call.method.isEmpty, !call.isRepeatable else { return }
        report(
            .unsafeResend, path, .value,
            "state \"\(state.name)\" inspects with \(call.requestWords), which is not safe to send twice",
            hint: "inspect with GET, or say repeatable: true where it is harmless")
    }

    /// What an inspection needs from the run: not what a call before it fills.
    func readsOfInspect(of state: DraftState) -> [Read] {
        guard let inspect = state.inspect else { return [] }
        var fresh: Set<String> = []
        var found: [Read] = []
        for (index, call) in inspect.before.enumerated() {
            let path = inspect.path.member("before").item(index)
            found += (reads(under: path) + readsByName(call)).filter { !fresh.contains($0.variable) }
            fresh.formUnion((draft.call(call)?.save ?? []).map(\.name))
        }
        let rest = ["call", "look_up"].flatMap { reads(under: inspect.path.member($0)) }
        let named = [inspect.call, inspect.lookUp?.call].flatMap { readsByName($0) }
        return found + (rest + named).filter { !fresh.contains($0.variable) }
    }
}
