public import EventStore
public import WorkflowCore

/// What a run's events say, put together for the rules. The events may have a gap in their middle.
public struct RunFacts: Sendable {
    public struct HoldFact: Sendable, Equatable {
        public let seq: Int64
        public let code: String
        public let text: String
        public let heldBy: Identifier?
    }

    public struct InspectionFact: Sendable, Equatable {
        public let seq: Int64
        public let at: Instant
        public let verdict: String
        public let why: String?
    }

    public let run: RunOverview
    public private(set) var input = JSONObject()
    /// Closed attempts, the oldest first.
    public private(set) var attempts: [AttemptFact] = []
    /// Answers to probes, which are none of the run's own requests, the oldest first.
    public private(set) var probes: [ProbeFact] = []
    public private(set) var probesAskedAt: [Instant] = []
    /// Answers to the run's key that probes of other runs have got.
    var lent: [AttemptFact] = []
    /// The intent of a request that nobody has answered yet.
    public private(set) var open: RecordedEvent?
    /// The newest hold, if the run is held.
    public private(set) var hold: HoldFact?
    public private(set) var inspections: [InspectionFact] = []
    /// The person's words that ended it: cancelled, released, taken over.
    public private(set) var ended: RecordedEvent?
    /// The key that a call made which is not harmless to repeat; the newest.
    public private(set) var key: KeyFact?

    public init(_ run: RunOverview, _ events: [RecordedEvent]) {
        self.run = run
        var made: [KeyFact] = []
        var intents: [Identifier: RecordedEvent] = [:]
        for event in events {
            switch EventType(rawValue: event.type) {
            case .runRequested: input = event.body["input"]?.objectValue ?? input
            case .attemptStarted:
                if let id = event.attemptId { intents[id] = event }
                if event.body["purpose"]?.stringValue != Purpose.probe.rawValue { open = event }
            case .runHeld:
                hold = HoldFact(
                    seq: event.seq, code: event.body["code"]?.stringValue ?? "",
                    text: event.body["text"]?.stringValue ?? "",
                    heldBy: event.body["run"]?.stringValue.flatMap { Identifier($0) })
            case .runResolved, .runReopened: hold = nil
            case .runInspected:
                inspections.append(
                    InspectionFact(
                        seq: event.seq, at: event.recordedAt, verdict: event.body["verdict"]?.stringValue ?? "",
                        why: event.body["why"]?.stringValue))
            case .probeAsked: probesAskedAt.append(event.recordedAt)
            case .runCancelled, .runReleased, .runFailed, .runTakenOver: ended = event
            default: break
            }
            let intent = event.attemptId.flatMap { intents[$0] }
            guard let attempt = AttemptFact(event, intent: intent) else { continue }
            guard attempt.purpose != .probe else {
                if let probe = ProbeFact(attempt, intent: intent) { probes.append(probe) }
                continue
            }
            if open?.attemptId == event.attemptId { open = nil }
            attempts.append(attempt)
            if let keys = Self.keys(attempt) { made = keys }
        }
        if run.status != .held { hold = nil }
        // Of several secrets the one that is the key is sent later.
        key = made.first { key in attempts.contains { $0.used(key) } } ?? made.first
    }

    /// Only what is not harmless to repeat makes something; a token that may be asked for again is no key.
    private static func keys(_ attempt: AttemptFact) -> [KeyFact]? {
        guard attempt.end == .done, attempt.purpose == .call, attempt.isRepeatable == false else { return nil }
        let made = attempt.sealed.isEmpty ? attempt.returned : attempt.sealed
        guard !made.isEmpty else { return nil }
        return made.map { KeyFact(name: $0.name, fingerprint: $0.fingerprint, seq: attempt.seq, at: attempt.at) }
    }

    /// The requests that carried the run's key.
    public var uses: [AttemptFact] {
        guard let key else { return [] }
        let own = attempts.filter { $0.used(key) }
        let probed = (probes.filter { $0.credential == .current }.map(\.attempt) + lent)
            .filter { $0.used(key) && ($0.end == .done || $0.isRefusal) }
        return probed.isEmpty ? own : (own + probed).sorted { $0.at < $1.at }
    }
    public var refusals: [AttemptFact] { uses.filter(\.isRefusal) }
    public var acceptances: [AttemptFact] { uses.filter { $0.end == .done } }

    /// The newest call of the run itself, leaving out look-ups and what takes things back.
    public var lastCall: AttemptFact? { attempts.last { $0.purpose == .call || $0.purpose.isOfInspection } }
    /// The call that makes the thing.
    public var lastCreate: AttemptFact? { attempts.last { $0.purpose == .call && $0.isRepeatable == false } }

    /// The first call between these times that may have made something.
    func create(after start: Instant, before end: Instant) -> AttemptFact? {
        attempts.first {
            $0.purpose == .call && $0.isRepeatable == false && $0.end != .notDone && $0.at > start && $0.at < end
        }
    }

    public func calls(_ service: String) -> Bool { attempts.contains { $0.service == service } }
}
