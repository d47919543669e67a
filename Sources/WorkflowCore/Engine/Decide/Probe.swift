// Probes: requests that tell a person more of a run, and change nothing of it.

extension DecisionBuilder {
    /// The probe that was asked for, where the run itself has nothing to send now. What the run sends itself goes first:
    /// a probe that waits for its service never delays the run, which is looked at again when its own time has come.
    mutating func probing(unless own: NextStep) -> (next: NextStep, millisecondsToDeadline: Int64?) {
        let deadline = millisecondsToDeadline
        guard let probe = state.probe, state.openAttempt == nil else { return (own, deadline) }
        if case .call = own { return (own, deadline) }
        let left = Wait(since: probe.askedAt, milliseconds: ProbeDefinition.longestWaitMilliseconds)
            .remainingMilliseconds(now: context.now)
        guard left > 0 else {
            let span = RetryArithmetic.spanText(ProbeDefinition.longestWaitMilliseconds)
            drop(probe, "it could not be sent within \(span)")
            return (own, deadline)
        }
        guard let declared = definition.probe(probe.name), let here else {
            drop(probe, "the run's definition has no such probe")
            return (own, deadline)
        }
        var times = [left]
        if let deadline { times.append(deadline) }
        if case .wait(let milliseconds, _) = own { times.append(milliseconds) }
        return (.call(planned(declared, probe, here)), times.min())
    }

    private func planned(_ declared: ProbeDefinition, _ probe: PendingProbe, _ here: StateDefinition) -> PlannedCall {
        var call = planned(declared.call, here, purpose: .probe)
        call.probe = PlannedProbe(
            name: declared.name, credential: declared.credential, key: declared.key, older: probe.older)
        return call
    }

    fileprivate mutating func drop(_ probe: PendingProbe, _ why: String) {
        emit(
            .probeDropped, ["probe": .string(probe.name), "state": .string(state.state), "why": .string(why.storable)])
    }

    /// The answer is written as it is. How the run goes on does not depend on it.
    mutating func settleProbe(_ result: AttemptResult, _ given: JSONObject, _ attempt: OpenAttempt) {
        var body = given
        for name in ["saved", "sealed"] { body[name] = nil }
        if let probe = state.probe { body["probe"] = .string(probe.name) }
        emit(.closing(result.outcome), body, attemptId: attempt.id)
    }
}

extension Decision {
    /// The same decision without its probe, which cannot be sent, and what the run then does itself.
    public func droppingProbe(_ why: String, _ definition: Definition, _ context: DecisionContext) -> Decision {
        guard let probe = state.probe else { return self }
        var turn = DecisionBuilder(state, definition, context)
        turn.drop(probe, why)
        let next = turn.take(.proceed)
        return Decision(
            events: events + turn.events, state: turn.state, next: next,
            millisecondsToDeadline: turn.millisecondsToDeadline)
    }
}

/// What a planned call sends in place of the run's key.
public struct PlannedProbe: Sendable, Equatable {
    public let name: String
    public let credential: ProbeDefinition.Credential
    public let key: String?
    public let older: PendingProbe.OlderKey?
}

extension RunState {
    /// A worker sends the probe between the run's own requests. `older`: whose key, for a probe that sends one.
    public func askingForProbe(
        _ name: String, reason: String, older: PendingProbe.OlderKey? = nil, _ definition: Definition
    ) throws(OperatorActionRefusal) -> OperatorActionEvent {
        guard let declared = definition.probe(name) else {
            let names = definition.probes.map(\.name)
            throw OperatorActionRefusal(
                "no_probe", "its definition, \(workflow) \(version), has no probe \"\(name)\"",
                hint: names.isEmpty
                    ? "It has none at all. Add \"probes\" and publish a new version; a run keeps the version that it started with."
                    : "It has \(names.joined(separator: ", ")).")
        }
        if let probe {
            throw OperatorActionRefusal(
                "probing", "its probe \(probe.name) is still under way", hint: "See \"turnup history \(id)\".")
        }
        if let missing = missingValue(of: declared, definition) {
            throw OperatorActionRefusal(
                "no_key", "the run has no data.\(missing) yet, which the probe needs",
                hint: "See \"turnup show \(id)\".")
        }
        guard declared.credential != .older || older != nil else {
            throw OperatorActionRefusal(
                "no_older_key",
                "no older run of organisation \(organisation) has a key for service "
                    + "\(declared.call.service) that could be sent")
        }
        var body: JSONObject = [
            "reason": .string(reason), "state": .string(state), "probe": .string(name),
            "credential": .string(declared.credential.rawValue), "service": .string(declared.call.service),
            "request": .string("\(declared.call.method) \(declared.call.service):\(declared.call.path.source)"),
        ]
        if declared.credential == .older, let older {
            body["of_run"] = .string(older.run.description)
            body["key"] = older.reference.json
        }
        return try verb(.probeAsked, body)
    }

    /// A variable that the probe's request reads and that has no value.
    private func missingValue(of probe: ProbeDefinition, _ definition: Definition) -> String? {
        definition.references(of: probe.call).first { reference in
            guard reference.root == "data", !reference.isPresenceTest, let name = reference.path.first else {
                return false
            }
            return data[name] == nil && secret(name) == nil
        }?.path.first
    }
}
