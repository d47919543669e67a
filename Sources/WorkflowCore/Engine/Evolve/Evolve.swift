/// An event that cannot be folded: it is of a newer version of this program, or it does not belong to this run.
public struct EvolveError: Error, Sendable, Equatable, CustomStringConvertible {
    public let seq: Int64
    public let message: String

    public init(seq: Int64, message: String) {
        self.seq = seq
        self.message = message
    }

    public var description: String { "event \(seq) cannot be folded: \(message)" }
}

/// Folds one event into the state; nil before the first event.
///
/// The fold looks at nothing but the two values, so the same stream always gives the same state.
public func evolve(_ state: RunState?, run id: Identifier, _ event: RecordedEvent) throws(EvolveError) -> RunState {
    guard let type = EventType(rawValue: event.type) else {
        throw EvolveError(seq: event.seq, message: "its type \"\(event.type)\" is not known to this version")
    }
    guard var state else {
        guard type == .runRequested, event.seq == 1 else {
            throw EvolveError(seq: event.seq, message: "the first event must be run.requested")
        }
        return try firstState(id, event)
    }
    guard event.seq > 0, event.seq - 1 == state.seq else {
        throw EvolveError(seq: event.seq, message: "the run stands at \(state.seq)")
    }
    state.seq = event.seq
    try state.apply(type, event)
    return state
}

private func firstState(_ id: Identifier, _ event: RecordedEvent) throws(EvolveError) -> RunState {
    let body = event.body
    guard let workflow = body["workflow"]?.stringValue, let version = body["version"]?.integerValue,
        let digest = body["definition"]?.stringValue, let organisation = body["organisation"]?.stringValue,
        let key = body["key"]?.stringValue, let start = body["state"]?.stringValue,
        let input = body["input"]?.objectValue
    else { throw EvolveError(seq: event.seq, message: "run.requested is incomplete") }
    var state = RunState(
        id: id, workflow: workflow, version: Int(clamping: version), definitionDigest: digest,
        organisation: organisation, key: key, input: input, requestedAt: event.recordedAt, start: start)
    state.seq = event.seq
    return state
}

extension RunState {
    mutating func apply(_ type: EventType, _ event: RecordedEvent) throws(EvolveError) {
        if let problem = problem(with: type, event) { throw EvolveError(seq: event.seq, message: problem) }
        let body = event.body
        switch type {
        case .runRequested:
            throw EvolveError(seq: event.seq, message: "run.requested stands twice")
        case .attemptStarted:
            try start(event)
        case .attemptDone, .attemptNotDone, .attemptUnknown:
            try close(type, event)
        case .stateEntered:
            write(body["set"]?.objectValue)
            giveUp(body["gave_up"], error: body["why"])
            if let target = body["state"]?.stringValue { enter(target, at: event.recordedAt) }
        case .runHeld:
            write(body["set"]?.objectValue)
            giveUp(body["gave_up"], error: body["error"])
            park(body, at: event.recordedAt)
        case .cancelRequested:
            if ending != nil, status == .live {
                stopsUndo = true
            } else {
                cancel = CancelRequest(actor: event.actor, reason: body["reason"]?.stringValue ?? "")
            }
            ending?.startsAgain = false
            if status == .held { cancelHeld(at: event.recordedAt) }
        case .retryRequested:
            if status == .live {
                wait = nil
                uncountedInARow = 0
            }
        case .runResolved: try resolve(event)
        case .runReopened: try reopen(event)
        case .runTakenOver:
            takenOverBy = body["by"]?.stringValue ?? ""
            if status == .held {
                hold = nil
                end(.cancelled, body)
            }
        case .releaseRequested:
            status = .live
            reason = nil
            inspection = nil
            beginUndo(status: .released, body)
        case .reconcileStarted:
            wait = nil
            lookUpLater(body, at: event.recordedAt)
        case .undoStarted:
            beginUndo(status: body["status"]?.stringValue.flatMap(RunStatus.init) ?? .failed, body)
        case .undoSkipped:
            undoneNewest()
            noteSurplus()
        case .runSucceeded:
            end(.succeeded, body)
            inspectLater(body, at: event.recordedAt)
        case .inspectionRequested: askForInspection()
        case .runInspected: noteVerdict(body, at: event.recordedAt)
        case .runDiagnosed: isDiagnosed = true
        case .runFailed:
            end(.failed, body)
        case .runCancelled:
            end(.cancelled, body)
        case .runReleased:
            end(.released, body)
        case .attemptLate: learn(event)
        case .attemptSettled: try settleLate(event)
        case .probeAsked: try askForProbe(event)
        case .probeDropped: probe = nil
        case .redoStarted, .secretRead: break  // for people
        case .redoRefused: reason = "no run follows it: \(body["reason"]?.stringValue ?? "")"
        }
    }

    /// Why an event cannot follow this state. What late workers append is always taken.
    private func problem(with type: EventType, _ event: RecordedEvent) -> String? {
        switch type {
        case .runRequested, .cancelRequested, .retryRequested, .attemptLate, .secretRead: nil
        case .attemptStarted:
            if let openAttempt {
                "attempt \(openAttempt.id) is still open"
            } else if event.body["purpose"]?.stringValue == Purpose.probe.rawValue {
                probe == nil ? "no probe is asked for" : nil
            } else {
                goesOn ? nil : "the run is \(status.rawValue)"
            }
        case .probeAsked: probe.map { "the probe \($0.name) is still under way" }
        case .probeDropped:
            if let openAttempt {
                "attempt \(openAttempt.id) is still open"
            } else {
                probe == nil ? "no probe is asked for" : nil
            }
        case .attemptDone, .attemptNotDone, .attemptUnknown:
            if let openAttempt {
                openAttempt.id == event.attemptId ? nil : "it closes another attempt than \(openAttempt.id)"
            } else {
                "no attempt is open"
            }
        case .attemptSettled:
            if status != .live || openAttempt != nil {
                "the run is \(status.rawValue)\(openAttempt == nil ? "" : ", and an attempt is open")"
            } else {
                unknown?.attemptId == event.attemptId ? nil : "it settles another attempt than the unknown one"
            }
        case .runResolved: status == .held ? nil : "the run is \(status.rawValue), not held"
        case .releaseRequested, .inspectionRequested:
            status == .succeeded ? nil : "the run is \(status.rawValue), not succeeded"
        case .runInspected:
            if let openAttempt {
                "attempt \(openAttempt.id) is still open"
            } else {
                status == .succeeded ? nil : "the run is \(status.rawValue), not succeeded"
            }
        case .runDiagnosed:
            if let openAttempt {
                "attempt \(openAttempt.id) is still open"
            } else if isDiagnosed {
                "its end is diagnosed already"
            } else {
                status.isEnded ? nil : "the run is \(status.rawValue)"
            }
        case .redoStarted, .redoRefused: status == .released ? nil : "the run is \(status.rawValue), not released"
        case .runReopened: status == .failed ? nil : "the run is \(status.rawValue), not failed"
        case .runTakenOver:
            if takenOverBy != nil {
                "the run has lost its key already"
            } else {
                status == .held || status == .failed || status == .cancelled ? nil : "the run is \(status.rawValue)"
            }
        case .stateEntered, .runHeld, .reconcileStarted, .undoStarted, .undoSkipped, .runSucceeded, .runFailed,
            .runCancelled, .runReleased:
            if let openAttempt {
                "attempt \(openAttempt.id) is still open"
            } else {
                status.isEnded ? "the run is \(status.rawValue)" : nil
            }
        }
    }

    mutating func giveUp(_ text: JSONValue?, error: JSONValue?) {
        guard let text = text?.stringValue else { return }
        gaveUp = GivenUp(error: error?.stringValue ?? "", text: text, state: state)
    }

    /// Begins a new stay, even if the run is already in that state.
    mutating func enter(_ target: String, at time: Instant) {
        passLateAnswer()
        // What an unsettled attempt made may still exist.
        if unknown != nil, undoEntryOfStay == nil { noteSurplus() }
        state = target
        enteredAt = time
        attempts = 0
        counters = []
        uncountedInARow = 0
        wait = nil
        successesInARow = 0
        hadUnknown = false
        unknown = nil
        isReplacing = false
        forgetUndo()
        heldInStateMilliseconds = 0
        renewKey()
    }

    mutating func renewKey() {
        idempotencyGeneration = idempotencyGeneration.addingClamped(1)
        idempotencyFirstSentAt = nil
        frozen = nil
    }

    mutating func write(_ values: JSONObject?) {
        for (name, value) in values?.members ?? [] { data[name] = value }
    }

    mutating func writeSealed(_ items: JSONValue?, _ event: RecordedEvent) throws(EvolveError) -> [SealedReference] {
        var written: [SealedReference] = []
        for item in items?.arrayValue ?? [] {
            guard let reference = SealedReference(item) else {
                throw EvolveError(seq: event.seq, message: "its reference to a sealed secret is incomplete")
            }
            secrets.removeAll { $0.reference.name.hasSameScalars(as: reference.name) }
            secrets.append(RunSecret(reference: reference, sealedAt: event.recordedAt))
            written.append(reference)
        }
        return written
    }

    private mutating func end(_ status: RunStatus, _ body: JSONObject) {
        passLateAnswer()
        self.status = status
        isDiagnosed = false
        reason = body["reason"]?.stringValue
        wait = nil
    }
}

extension SealedReference {
    init?(_ value: JSONValue) {
        guard let name = value["name"]?.stringValue, let version = value["version"]?.integerValue,
            let fingerprint = value["fingerprint"]?.stringValue, let length = value["length"]?.integerValue
        else { return nil }
        self.init(
            name: name, version: Int(clamping: version), fingerprint: fingerprint, length: Int(clamping: length))
    }

    public var json: JSONValue {
        [
            "name": .string(name), "version": .integer(version), "fingerprint": .string(fingerprint),
            "length": .integer(length),
        ]
    }
}
