extension RunState {
    /// The late answer that a person may take: it says that a call of this stay has worked.
    public var offeredLateAnswer: LateAnswer? {
        guard status == .held, let hold, hold.choices.contains(HoldChoice.done.rawValue), ending == nil, !isReplacing,
            let lateAnswer, lateAnswer.outcome == .done
        else { return nil }
        return lateAnswer
    }

    /// Takes the late answer for that of the state's call, with its plain values and its sealed ones.
    public func resolvingLateAnswer(reason: String, _ definition: Definition) throws(OperatorActionRefusal)
        -> OperatorActionEvent
    {
        guard let late = offeredLateAnswer else {
            throw OperatorActionRefusal(
                "no_late_answer", "no late answer is kept that says that the call has worked",
                hint: "See \"turnup show \(id)\".")
        }
        return try resolving(
            .done, reason: reason, definition, values: late.saved,
            sealed: late.sealed.map { reference(toLate: $0) }, late: late)
    }

    /// Decides what becomes of a held run.
    ///
    /// `values` and `sealed` are the variables that the lost answer would have filled. `candidate` is the number, from
    /// 1, of a thing that the look-up found; it may be left out when there is only one.
    public func resolving(
        _ choice: HoldChoice, reason: String, _ definition: Definition, values: JSONObject = JSONObject(),
        sealed: [SealedReference] = [], candidate: Int? = nil, late: LateAnswer? = nil
    ) throws(OperatorActionRefusal) -> OperatorActionEvent {
        guard status == .held, let hold else {
            throw OperatorActionRefusal("not_held", "the run is \(status.rawValue), so there is nothing to decide")
        }
        guard hold.choices.contains(choice.rawValue) else {
            throw OperatorActionRefusal(
                "not_a_choice", "\(choice.rawValue) is no choice here: \(hold.text)",
                hint: "The choices are \(hold.choices.joined(separator: ", ")).")
        }
        guard choice == .done || choice == .adopt || (values.isEmpty && sealed.isEmpty) else {
            throw OperatorActionRefusal("bad_value", "values go with done or adopt, not with \(choice.rawValue)")
        }
        var body: JSONObject = [
            "choice": .string(choice.rawValue), "reason": .string(reason), "state": .string(state),
        ]
        switch choice {
        case .retryAnyway where hold.code == Hold.requestChanged: body["new_key"] = true
        case .retry, .retryAnyway: break
        case .abandon:
            body["gave_up"] = .string("given up by a person: \(reason)")
            body["error"] = .string(HoldChoice.abandon.rawValue)
            if ending == nil {
                guard let failed = definition.failureState else {
                    throw OperatorActionRefusal("no_place", "the definition has no state with end: failed")
                }
                body["entered"] = .string(failed.name)
            }
        case .done where ending != nil || isReplacing:
            guard values.isEmpty, sealed.isEmpty else {
                throw OperatorActionRefusal("bad_value", "what was taken back by hand gives no values")
            }
            body["taken_back"] = takenBack(definition)?.json
        case .done, .adopt:
            var saved = JSONObject()
            if choice == .adopt { saved = try chosen(hold, candidate) }
            for (name, value) in values.members { saved[name] = value }
            try check(saved, sealed, definition)
            if !saved.isEmpty { body["saved"] = .object(saved) }
            if !sealed.isEmpty { body["sealed"] = .array(sealed.map(\.json)) }
            let here = definition.state(state)
            if choice == .adopt {
                // A person may share what another run has, but it stays that run's.
                if hold.error == Hold.thingOfAnotherRun {
                    body["made"] = false
                } else {
                    here?.noteAdoption(in: &body)
                }
            }
            if let late {
                body["late"] = .string(late.attemptId.description)
                if !late.isMade {
                    body["made"] = false
                    if here?.undoesAdopted == true { body["takes_back"] = true }
                }
            }
            if let here, hold.error != Hold.thingOfAnotherRun || choice != .adopt {
                body["thing"] = here.thing(in: try verb(.runResolved, body).after)?.json
            }
            if cancel == nil, let here {
                let after = try verb(.runResolved, body).after
                let turn = DecisionBuilder(after, definition, DecisionContext(now: enteredAt, random: 0))
                do throws(ExpressionError) {
                    body["entered"] = .string(try turn.target(of: here.exit, in: after))
                } catch {
                    throw OperatorActionRefusal(
                        "bad_value", "with these values the next state cannot be chosen: \(error.description)")
                }
            }
        }
        return try verb(.runResolved, body)
    }

    private func chosen(_ hold: Hold, _ candidate: Int?) throws(OperatorActionRefusal) -> JSONObject {
        let count = hold.candidates.count
        guard let number = candidate ?? (count == 1 ? 1 : nil) else {
            throw OperatorActionRefusal("bad_value", "say which of the \(count) finds it is", hint: "Count from 1.")
        }
        guard number >= 1, number <= count else {
            throw OperatorActionRefusal("bad_value", "there is no find \(number); the look-up kept \(count)")
        }
        return hold.candidates[number - 1]
    }

    /// Every variable that the call would have filled must be given, and have the right kind.
    private func check(
        _ saved: JSONObject, _ sealed: [SealedReference], _ definition: Definition
    ) throws(OperatorActionRefusal) {
        for (name, value) in saved.members {
            guard let field = definition.variable(name) else {
                throw OperatorActionRefusal("bad_value", "the definition has no variable \"\(name)\"")
            }
            if field.isSecret {
                throw OperatorActionRefusal(
                    "bad_value", "\(name) is secret", hint: "Give it with --secret \(name)=@FILE.")
            }
            if value.containsNul { throw OperatorActionRefusal("bad_value", "\(name) holds the character U+0000") }
            if let problem = field.problem(with: value) { throw OperatorActionRefusal("bad_value", problem) }
        }
        for reference in sealed where definition.variable(reference.name)?.isSecret != true {
            throw OperatorActionRefusal("bad_value", "\"\(reference.name)\" is no secret variable of the definition")
        }
        let given = Set(saved.members.map(\.name) + sealed.map(\.name))
        let wanted = definition.state(state)?.call?.save.map(\.name) ?? []
        // A value from an earlier stay belongs to another thing; only a secret that the lost answer itself gave counts.
        let missing = wanted.filter { name in
            if given.contains(name) { return false }
            guard let held = secret(name), let since = idempotencyFirstSentAt else { return true }
            return held.sealedAt < since
        }
        if !missing.isEmpty {
            throw OperatorActionRefusal(
                "bad_value", "the answer would have filled \(missing.joined(separator: ", ")) as well",
                hint: "Give plain values as NAME=VALUE and secrets with --secret NAME=@FILE.")
        }
    }
}
