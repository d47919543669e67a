import WorkflowCore

struct Violation {
    let invariant: String
    let run: Int
    let text: String
}

/// Watches the tables and the platform, with a fold, a transition table and rules of its own. It asks the engine nothing.
final class Checker {
    /// What the events of one run say, read without the engine's fold.
    struct Shadow {
        let fixture: Int
        let key: String
        var seq: Int64 = 0
        var state = ""
        var status = RunStatus.live
        var epoch: Int64 = 0
        var claimedEpoch: Int64 = 0
        var open: Open?
        var started: [Identifier] = []
        var closed: [Identifier] = []
        /// A next attempt may not start earlier: by the database's clock, and by the world's where that was set back.
        var notBefore: (database: Instant, world: Int64)?
        /// Attempts of this stay that were charged, by the error they ended with.
        var charged: [(error: String, count: Int)] = []
        /// Not every call had its own plain answer, so there may be more than one thing.
        var hadDoubt = false
        /// After it had succeeded, an answer named another thing.
        var hasSurplus = false
        /// A call ended as done or unknown, so something may exist.
        var mayExist = false
        /// The same, where the definition declares neither a way to settle it nor to take it back.
        var mustHoldKey = false
        var successes = 0
        /// In this stay.
        var hadUnknown = false
        var conflict: Identifier?
        var isUndoing = false
        /// A person, or the engine in an event of its own, has said that something may stay behind.
        var isLeftBehind = false
        var isLiedTo = false
        /// A person has looked over there, and said which thing is the run's.
        var isPersonsChoice = false
        var isCancelAsked = false
        var endedAt: Instant?
        /// A person said: send again, whatever is there.
        var resendsByPeople = 0
        var isTakenOver = false
        var isReleasing = false
        /// A new run is to stand in its place once it is released; whether there was an answer to that.
        var asksRedo = false
        var isRedoAnswered = false
        /// The run in whose place it stands, as its first event says.
        var redoOf: String?
        /// A look-up found nothing, and the definition asks a person then.
        var asksPerson = false
        /// A standby that did not have its last events has taken over.
        var isPutBack = false
        /// What was sent last that may change the platform, and what the hold asks about.
        var lastSent: Identifier?
        var asked: String?
    }

    /// What changes with the tables, and goes back with them.
    struct Facts {
        let shadows: [Shadow]
        let personsPause: Pause?
    }

    /// Its end by the database's clock, and by the world's where that was set back.
    struct Pause {
        let database: Instant
        let world: Int64
    }

    struct Open {
        let id: Identifier
        let epoch: Int64
        let isRepeatable: Bool
        let purpose: String
    }

    private(set) var violation: Violation?
    /// Microseconds of the world's own clock, which nobody sets.
    var worldTime: Int64 = 0
    var shadows: [Shadow] = []
    private let trace: Trace
    private var sent: Set<Identifier> = []
    /// Attempts whose start is in no stream any more.
    private var lostAttempts: Set<Identifier> = []
    /// Until when a person has shut the service.
    private var personsPause: Pause?
    private struct UnderWay {
        let run: Int
        let attempt: Identifier
        /// The time of the world until which it may be under way.
        let until: Int64
        let isAlive: () -> Bool
        /// Nothing has kept its worker from renewing its lease.
        let canRenew: () -> Bool
        /// Its lease, with the permit, is its worker's.
        let isLeased: () -> Bool
    }

    private var underWay: [UnderWay] = []

    init(trace: Trace) { self.trace = trace }

    func fail(_ invariant: String, run: Int, _ text: @autoclosure () -> String) {
        guard violation == nil else { return }
        violation = Violation(invariant: invariant, run: run, text: text())
        trace.note("\(invariant) violated by run \(run): \(text())")
    }

    func enqueued(_ run: Int, fixture: Int, key: String) {
        shadows.append(Shadow(fixture: fixture, key: key))
        trace.note("run \(run) of \(Fixtures.all[fixture].name) is enqueued with key \(key)")
        if shadows.count != run + 1 { fail("L4", run: run, "a run without its place") }
    }

    func acknowledged(_ run: Int, fixture: Int, key: String, _ store: StoreModel) {
        guard store.runs.indices.contains(run), store.runs[run].fixture == fixture, store.runs[run].key == key,
            store.runs[run].seq > 0
        else { return fail("L4", run: run, "an acknowledged start has no run") }
    }

    // MARK: Loss

    var facts: Facts { Facts(shadows: shadows, personsPause: personsPause) }

    func pauses(until: Instant, at time: Instant) {
        personsPause = Pause(database: until, world: worldTime + until.microseconds - time.microseconds)
    }

    func pauseIs(_ pause: Pause?) { personsPause = pause }

    /// A claim that no flush had covered did not happen.
    func claimsLost(_ run: Int, epoch: Int64) { shadows[run].claimedEpoch = epoch }

    /// What was sent meanwhile stays sent, so of such a run only its stream can be judged.
    func putBack(_ run: Int, to facts: Facts, losing events: [RecordedEvent]) {
        trace.note("run \(run) loses its last \(events.count) events")
        shadows[run] = facts.shadows[run]
        shadows[run].isPutBack = true
        for event in events where event.type == EventType.attemptStarted.rawValue {
            guard let id = event.attemptId else { continue }
            lostAttempts.insert(id)
            returns(id)
        }
    }

    func claimed(_ run: Int, epoch: Int64, at time: Instant) {
        trace.note("run \(run) is claimed with epoch \(epoch)")
        if underWay.contains(where: { $0.run == run && $0.until > worldTime && $0.isAlive() && $0.canRenew() }) {
            fail("N1", run: run, "it is taken over, though its worker waits for an answer and can renew its lease")
        }
        trace.mix(UInt64(bitPattern: epoch) &* 31 &+ UInt64(run))
        if epoch <= shadows[run].claimedEpoch {
            fail("X3", run: run, "the claim did not raise the epoch above \(shadows[run].claimedEpoch)")
        }
        shadows[run].claimedEpoch = epoch
    }

    // MARK: Events

    func recorded(_ run: Int, _ event: RecordedEvent, type: EventType) {
        trace.note(
            "run \(run) #\(event.seq) \(event.type) by \(event.actor) epoch \(event.epoch) \(JSONValue.object(event.body).serialized())"
        )
        trace.mix(UInt64(run) &* 131 &+ UInt64(event.seq))
        trace.mix(UInt64(bitPattern: event.recordedAt.microseconds) &+ UInt64(event.type.utf8.count))
        var shadow = shadows[run]
        defer { shadows[run] = shadow }
        if event.seq != shadow.seq + 1 { fail("L1", run: run, "event \(event.seq) follows \(shadow.seq)") }
        shadow.seq = event.seq
        if (type == .runRequested) != (event.seq == 1) { fail("L2", run: run, "\(event.type) stands at \(event.seq)") }
        let isEvidence = type == .attemptLate
        let isPersons = event.actor.hasPrefix("person:")
        if shadow.status.isEnded, !isEvidence, !Self.afterTheEnd.contains(type) {
            fail("L2", run: run, "\(event.type) after the end")
        }
        let isVerb = Self.verbs.contains(type)
        if type != .runRequested, isVerb != isPersons {
            fail("A2", run: run, "\(event.type) by \(event.actor)")
        }
        if !isEvidence {
            if event.epoch < shadow.epoch {
                fail("X3", run: run, "\(event.type) of epoch \(event.epoch) after \(shadow.epoch)")
            }
            shadow.epoch = max(shadow.epoch, event.epoch)
            if event.seq > 1, event.epoch != shadow.claimedEpoch, !isPersons {
                fail(
                    "X3", run: run, "\(event.type) of epoch \(event.epoch), while \(shadow.claimedEpoch) has the lease")
            }
        }
        fold(run, event, type, &shadow)
    }

    private static let afterTheEnd: Set<EventType> = [
        .runReopened, .runTakenOver, .releaseRequested, .redoStarted, .redoRefused,
    ]
    private static let verbs: Set<EventType> = [
        .cancelRequested, .retryRequested, .runResolved, .runReopened, .runTakenOver, .releaseRequested,
    ]

    private func fold(_ run: Int, _ event: RecordedEvent, _ type: EventType, _ shadow: inout Shadow) {
        switch type {
        case .runRequested:
            shadow.state = event.body["state"]?.stringValue ?? ""
            shadow.redoOf = event.body["redo_of"]?.stringValue
        case .attemptStarted: start(run, event, &shadow)
        case .attemptDone, .attemptNotDone, .attemptUnknown: close(run, event, type, &shadow)
        case .attemptLate:
            if !shadow.started.contains(where: { $0 == event.attemptId }), !isLost(event.attemptId) {
                fail("X3", run: run, "late evidence of an attempt that was never started")
            }
            let isAnswer =
                (event.body["outcome"] == "done" || event.body["outcome"] == "not_done")
                && event.body["purpose"] == nil && event.body["repeatable"] != true
            // What the database has forgotten may still be told: then something is there.
            if isAnswer, event.body["outcome"] == "done" {
                shadow.mayExist = true
                shadow.hadDoubt = true
                if shadow.status == .succeeded, event.body["known"] == nil { shadow.hasSurplus = true }
            }
            if isAnswer, shadow.lastSent == event.attemptId, let id = event.attemptId {
                // The run is looked at now, whatever it waited for.
                shadow.notBefore = nil
                if shadow.status == .held, shadow.asked == id.description { shadow.status = .live }
            }
        case .attemptSettled: settle(run, event, &shadow)
        case .stateEntered: move(run, event.body["state"]?.stringValue, &shadow)
        case .runHeld:
            if shadow.status != .live { fail("S2", run: run, "held while \(shadow.status.rawValue)") }
            if shadow.open != nil { fail("X1", run: run, "held with an open attempt") }
            let isAboutAnswer = event.body["code"] == "unknown_outcome" && event.body["error"] != "deadline"
            shadow.asked = isAboutAnswer ? event.body["attempt"]?.stringValue : nil
            if event.body["choices"]?.arrayValue?.isEmpty ?? true { fail("S2", run: run, "held without choices") }
            shadow.status = .held
        case .cancelRequested, .retryRequested, .runResolved, .runReopened, .runTakenOver:
            person(run, event, type, &shadow)
        case .reconcileStarted:
            let after = event.body["look_up_after_milliseconds"]?.integerValue ?? 0
            shadow.notBefore = (event.recordedAt.advanced(byMilliseconds: after), worldTime + after * 1000)
        case .undoStarted:
            shadow.isUndoing = true
            shadow.notBefore = nil
            shadow.charged = []
        case .undoSkipped: shadow.isLeftBehind = true
        case .runSucceeded: end(run, .succeeded, event, &shadow)
        case .runFailed: end(run, .failed, event, &shadow)
        case .runCancelled: end(run, .cancelled, event, &shadow)
        case .releaseRequested: release(run, event, &shadow)
        case .runReleased: end(run, .released, event, &shadow)
        case .redoStarted, .redoRefused: redo(run, event, type, &shadow)
        // Nobody in the simulation inspects or diagnoses a run, or asks for a probe.
        case .inspectionRequested, .runInspected, .runDiagnosed, .probeAsked, .probeDropped, .secretRead:
            fail("S2", run: run, "\(event.type) that nobody asked for")
        }
    }

    private func settle(_ run: Int, _ event: RecordedEvent, _ shadow: inout Shadow) {
        if shadow.open != nil || shadow.status != .live { fail("X1", run: run, "settled at the wrong time") }
        if shadow.lastSent != event.attemptId { fail("U3", run: run, "settled, though something was sent since") }
        if !shadow.closed.contains(where: { $0 == event.attemptId }) {
            fail("X1", run: run, "an attempt is settled that was not closed")
        }
        shadow.asksPerson = false
        shadow.notBefore = nil
        if event.body["outcome"] == "done" { shadow.successes += 1 } else { shadow.mustHoldKey = false }
        for name in ["retry", "wait_milliseconds"] {
            let value = event.body[name]
            guard let delay = value?["delay_milliseconds"]?.integerValue ?? value?.integerValue else { continue }
            shadow.notBefore = (event.recordedAt.advanced(byMilliseconds: delay), worldTime + delay * 1000)
        }
        if let entered = event.body["entered"]?.stringValue { move(run, entered, &shadow) }
    }

    private func person(_ run: Int, _ event: RecordedEvent, _ type: EventType, _ shadow: inout Shadow) {
        let choice = event.body["choice"]?.stringValue ?? ""
        shadow.notBefore = nil
        // A cancel of a run that goes on decides nothing about what is not known of it.
        if type != .cancelRequested || shadow.status == .held { shadow.asksPerson = false }
        if event.body["reason"]?.stringValue?.isEmpty ?? true { fail("A2", run: run, "\(event.type) without a reason") }
        switch type {
        case .cancelRequested:
            shadow.isCancelAsked = true
            if shadow.status == .held {
                shadow.status = .live
                shadow.isLeftBehind = true
            }
        case .runResolved:
            if shadow.status != .held { fail("S2", run: run, "resolved while \(shadow.status.rawValue)") }
            shadow.status = .live
            shadow.charged = []
            if choice == "retry_anyway" { shadow.resendsByPeople += 1 }
            if choice == "retry_anyway" || choice == "abandon" { shadow.isLeftBehind = true }
            if choice == "done" || choice == "adopt" {
                shadow.successes = 1000
                shadow.isPersonsChoice = true
            }
            if let entered = event.body["entered"]?.stringValue { move(run, entered, &shadow) }
        case .runReopened:
            if shadow.status != .failed { fail("S2", run: run, "reopened while \(shadow.status.rawValue)") }
            if shadow.isUndoing { fail("S2", run: run, "reopened, though things were taken back") }
            shadow.status = .live
            shadow.isCancelAsked = false
            shadow.endedAt = nil
            shadow.state = event.body["state"]?.stringValue ?? ""
            shadow.charged = []
            shadow.successes = 0
        case .runTakenOver:
            if shadow.status == .live || shadow.status == .succeeded || shadow.isTakenOver {
                fail("S2", run: run, "taken over while \(shadow.status.rawValue)")
            }
            if shadow.status == .held { shadow.status = .cancelled }
            shadow.isTakenOver = true
            shadow.endedAt = shadow.endedAt ?? event.recordedAt
        default: break
        }
    }

    private func start(_ run: Int, _ event: RecordedEvent, _ shadow: inout Shadow) {
        guard let id = event.attemptId else { return fail("X1", run: run, "an attempt without an id") }
        if let open = shadow.open { fail("X1", run: run, "attempt \(open.id) is still open") }
        if shadow.started.contains(id) { fail("X1", run: run, "attempt \(id) starts twice") }
        if shadow.status != .live { fail("S2", run: run, "an attempt of a run that is \(shadow.status.rawValue)") }
        if let personsPause, event.recordedAt < personsPause.database, worldTime < personsPause.world {
            fail("B1", run: run, "an attempt starts while a person has shut the service")
        }
        let purpose = event.body["purpose"]?.stringValue ?? "call"
        if purpose == "call", shadow.isCancelAsked { fail("C1", run: run, "a call after cancel.requested") }
        if purpose == "call", shadow.isUndoing { fail("C1", run: run, "a call after undo.started") }
        // The other two also serve what is replaced.
        let mayUndo = ["undo", "before_undo", "gone"].contains(purpose)
        if shadow.isUndoing ? !mayUndo : purpose == "undo" { fail("S2", run: run, "\(purpose) at the wrong time") }
        if let (database, world) = shadow.notBefore, event.recordedAt < database, worldTime < world {
            fail("X5", run: run, "an attempt \((world - worldTime) / 1000) ms before it is due")
        }
        shadow.started.append(id)
        if purpose != "lookup" { shadow.lastSent = id }
        shadow.open = Open(id: id, epoch: event.epoch, isRepeatable: event.body["repeatable"] == true, purpose: purpose)
        shadow.notBefore = nil
    }

    /// What may be had without being charged: nothing was sent, or the platform said "later".
    private static let uncharged: Set = ["unreachable", "http.429", "lease_too_short", "key_too_old", "not_prepared"]

    private func close(_ run: Int, _ event: RecordedEvent, _ type: EventType, _ shadow: inout Shadow) {
        guard let open = shadow.open, open.id == event.attemptId else {
            return fail("X1", run: run, "\(event.type) closes no open attempt")
        }
        if shadow.closed.contains(open.id) { fail("X3", run: run, "attempt \(open.id) is closed twice") }
        if type != .attemptUnknown, event.epoch != open.epoch {
            fail("X3", run: run, "an answer of epoch \(event.epoch) to an attempt of epoch \(open.epoch)")
        }
        shadow.closed.append(open.id)
        shadow.open = nil
        let fixture = Fixtures.all[shadow.fixture]
        if open.purpose == "call" {
            let isConflict = event.body["look_up_after_milliseconds"] != nil
            if type != .attemptNotDone || isConflict { shadow.mayExist = true }
            if type == .attemptUnknown || isConflict || event.body["held_by"] != nil { shadow.hadDoubt = true }
            if type != .attemptNotDone, !open.isRepeatable, !fixture.undoes { shadow.mustHoldKey = true }
            shadow.successes = type == .attemptDone ? shadow.successes + 1 : 0
            if !open.isRepeatable, let entered = event.body["entered"]?.stringValue {
                if type == .attemptUnknown { fail("U3", run: run, "an unknown outcome led to \(entered)") }
                if shadow.hadUnknown, shadow.conflict == open.id {
                    fail("U3", run: run, "\"already there\" after an unknown outcome led to \(entered)")
                }
            }
            if type == .attemptUnknown { shadow.hadUnknown = true }
        } else if type == .attemptDone {
            if open.purpose == "lookup", fixture.asksWhenNothingIsFound {
                shadow.asksPerson = event.body["found"] == 0
            }
            shadow.charged.removeAll { $0.error.hasPrefix("\(open.purpose) ") }
        }
        let error = event.body["error"]?.stringValue ?? ""
        if event.body["counted"] == false {
            if type != .attemptNotDone || !Self.uncharged.contains(error) {
                fail("X4", run: run, "\(error) is not charged")
            }
        } else {
            if Self.uncharged.contains(error) { fail("X4", run: run, "\(error) is charged") }
            charge(run, "\(open.purpose) \(error)", &shadow)
        }
        let delays = [
            event.body["retry"]?["delay_milliseconds"], event.body["wait_milliseconds"],
            event.body["look_up_after_milliseconds"], event.body["look_again_milliseconds"],
            event.body["gone_after_milliseconds"],
        ]
        for delay in delays.compactMap({ $0?.integerValue }) {
            shadow.notBefore = (event.recordedAt.advanced(byMilliseconds: delay), worldTime + delay * 1000)
        }
        if let entered = event.body["entered"]?.stringValue { move(run, entered, &shadow) }
    }

    /// What the built-in default allows taking back.
    private static let mostOfErrands = 6

    private static func isEndless(_ error: String, _ fixture: Fixture) -> Bool {
        // What succeeds is no trouble, and `stable` asks for more of it.
        error == "call " || fixture.endless.contains { error == "call \($0)" }
    }

    private func charge(_ run: Int, _ error: String, _ shadow: inout Shadow) {
        let index = shadow.charged.firstIndex { $0.error == error } ?? shadow.charged.count
        if index == shadow.charged.count { shadow.charged.append((error, 0)) }
        shadow.charged[index].count += 1
        let fixture = Fixtures.all[shadow.fixture]
        if Self.isEndless(error, fixture) { return }
        // A look-up goes on for as long as the definition lets the run look.
        if error.hasPrefix("lookup ") || error.hasPrefix("gone ") { return }
        let most = error.hasPrefix("call ") ? fixture.maximumAttempts[shadow.state] : Self.mostOfErrands
        if let most, shadow.charged[index].count > most {
            fail("X4", run: run, "attempt \(shadow.charged[index].count) of \(most) that ended with \(error)")
        }
    }

    private func move(_ run: Int, _ target: String?, _ shadow: inout Shadow) {
        guard let target else { return fail("S2", run: run, "a move to nowhere") }
        if !Fixtures.all[shadow.fixture].allows(shadow.state, target) {
            fail("S2", run: run, "from \(shadow.state) to \(target)")
        }
        let failure = Fixtures.all[shadow.fixture].definition.failureState?.name
        if let times = Fixtures.all[shadow.fixture].stable[shadow.state], target != failure, shadow.successes < times {
            fail("E3", run: run, "left \(shadow.state) after \(shadow.successes) successes in a row")
        }
        shadow.successes = 0
        shadow.hadUnknown = false
        shadow.state = target
        shadow.charged = []
        shadow.notBefore = nil
    }

    private func end(_ run: Int, _ status: RunStatus, _ event: RecordedEvent, _ shadow: inout Shadow) {
        if shadow.status.isEnded { fail("L2", run: run, "\(event.type) after the end") }
        if shadow.open != nil { fail("X1", run: run, "\(event.type) with an open attempt") }
        if (status == .released) != shadow.isReleasing {
            fail("R1", run: run, "\(event.type) \(shadow.isReleasing ? "after" : "without") release.requested")
        }
        if status == .succeeded, shadow.isCancelAsked { fail("C1", run: run, "succeeded after cancel.requested") }
        if shadow.asksPerson { fail("U3", run: run, "\(event.type) after an empty look-up, and no person was asked") }
        shadow.status = status
        shadow.endedAt = event.recordedAt
    }

    // MARK: After every transaction

    func settled(_ run: Int, _ row: StoreModel.Run, at time: Instant) {
        let shadow = shadows[run]
        if row.seq != shadow.seq { fail("S1", run: run, "the row stands at \(row.seq), the events at \(shadow.seq)") }
        if row.status != shadow.status {
            fail("S1", run: run, "the row says \(row.status.rawValue), the events \(shadow.status.rawValue)")
        }
        if row.state != shadow.state {
            fail("S1", run: run, "the row says state \(row.state), the events \(shadow.state)")
        }
        if (row.status == .live) != (row.task != nil) {
            fail("T1", run: run, "\(row.status.rawValue) with\(row.task == nil ? "out a" : " a") task row")
        }
        if shadow.status == .released, shadow.asksRedo, !shadow.isRedoAnswered {
            fail("R2", run: run, "released, and nothing has come of the redo")
        }
        // In between, the platform tells at the end whether something is there.
        let isLeft: Bool? = !shadow.mayExist ? false : shadow.mustHoldKey ? true : nil
        let (mustHold, mustBeLeft): (Bool?, Bool?) =
            switch shadow.status {
            case .live: (true, false)
            case .succeeded: (true, shadow.hasSurplus ? true : shadow.hadDoubt ? nil : false)
            case .released: (false, isLeft)
            case .held: (true, isLeft)
            case .failed, .cancelled: (shadow.isTakenOver ? false : isLeft, isLeft)
            }
        if let mustBeLeft, row.mayBeLeft != mustBeLeft {
            let says = row.mayBeLeft ? "something may be left" : "nothing is left"
            fail("K2", run: run, "the row says that \(says), status \(row.status.rawValue)")
        }
        if let mustHold, row.ownsKey != mustHold {
            fail("K1", run: run, "the key is \(row.ownsKey ? "held" : "free"), status \(row.status.rawValue)")
        }
    }

    /// What a person wrote waits for nothing: no service, and nothing that a worker decided before it had read it.
    func waits(_ run: Int, _ row: StoreModel.Run, after seq: Int64, at time: Instant) {
        guard let last = row.events.last, last.actor.hasPrefix("person:"), last.seq > seq, let task = row.task,
            task.due > time || !task.service.isEmpty
        else { return }
        fail("T1", run: run, "\(last.type) waits")
    }

    // MARK: Requests

    /// A worker is about to write the first byte: it must have the lease now.
    func departs(
        _ run: Int, attempt: Identifier, lease: StoreModel.Lease?, token: Int64, limit: Int?, at time: Instant,
        until: Int64, isAlive: @escaping () -> Bool, canRenew: @escaping () -> Bool, isLeased: @escaping () -> Bool
    ) {
        trace.note("run \(run) sends attempt \(attempt.low)")
        if isLost(attempt) { return }
        guard let lease, lease.token == token, lease.expires > time else {
            return fail("X3", run: run, "a request leaves without the lease")
        }
        underWay.append(
            UnderWay(
                run: run, attempt: attempt, until: until, isAlive: isAlive, canRenew: canRenew, isLeased: isLeased))
        countUnderWay(run, limit)
    }

    /// A lease goes on, and with it its permit.
    func renewed(_ run: Int, limit: Int?) { countUnderWay(run, limit) }

    private func countUnderWay(_ run: Int, _ limit: Int?) {
        underWay.removeAll { $0.until <= worldTime || !$0.isAlive() }
        guard let limit else { return }
        let count = underWay.count { $0.isLeased() }
        if count > limit { fail("B2", run: run, "\(count) requests at the same time, of \(limit)") }
    }

    /// The worker has its answer, or waits no longer.
    func returns(_ attempt: Identifier) { underWay.removeAll { $0.attempt == attempt } }

    private func isLost(_ attempt: Identifier?) -> Bool { attempt.map { lostAttempts.contains($0) } ?? false }

    /// `isLate`: the platform does it when nobody waits for it any more.
    func arrives(_ request: Request, _ store: StoreModel, isLate: Bool, at time: Instant) {
        let shadow = shadows[request.run]
        if !shadow.started.contains(request.attempt), !isLost(request.attempt) {
            fail("X2", run: request.run, "a request without a committed intent")
        }
        if !sent.insert(request.attempt).inserted {
            fail("X6", run: request.run, "attempt \(request.attempt.low) is sent twice")
        }
        if let endedAt = shadow.endedAt, shadow.status.isEnded, !shadow.isPutBack, !isLate,
            time.milliseconds(since: endedAt) > World.leaseMilliseconds + Fixtures.longestRequestMilliseconds
        {
            fail("E5", run: request.run, "a request after the end")
        }
    }

    func conflicts(_ request: Request) { shadows[request.run].conflict = request.attempt }

    /// A look-up that misses what is there, against all that the definition was told of the platform. Still nothing
    /// may be made twice, but nobody can know what is left.
    func isLiedTo(_ run: Int) {
        shadows[run].isLeftBehind = true
        shadows[run].isLiedTo = true
    }

    /// The newest first: what stands on a thing goes before the thing.
    func takesBack(_ request: Request, _ platform: PlatformModel) {
        touches(request, platform)
        guard request.kind == .remove, request.purpose == .undo, platform.has(extraOf: request.thing),
            !shadows[request.run].isLeftBehind, !shadows[request.run].isPutBack
        else { return }
        fail("U1", run: request.run, "the thing is taken back before what stands on it")
    }

    /// Only what the run itself made is its own, or what a person said is.
    private func touches(_ request: Request, _ platform: PlatformModel) {
        guard request.kind == .remove, let thing = platform.thing(request.thing), thing.isAlive,
            thing.run != request.run, !shadows[request.run].isPersonsChoice, !shadows[request.run].isPutBack
        else { return }
        let whose = thing.run.map { "run \($0)" } ?? "others"
        fail("F1", run: request.run, "\(request.purpose.rawValue) takes thing \(thing.id), which \(whose) made")
    }

    func platformHolds(_ run: Int, living: Int, _ store: StoreModel) {
        let shadow = shadows[run]
        let allowed = 1 + shadow.resendsByPeople
        if living > allowed, !shadow.isPutBack {
            fail(
                Fixtures.all[shadow.fixture].hasWay ? "E1" : "E2", run: run,
                "\(living) things over there, \(allowed) explained")
        }
    }
}
