public import EventStore
import WorkflowCore

extension FleetRecord {
    /// What these events show of the platform. The same events always give the same record.
    public init(_ history: RunHistory) {
        self.init(history.run, history.events)
    }

    init(_ run: RunOverview, _ events: [RecordedEvent]) {
        let facts = RunFacts(run, events)
        let create = facts.key.flatMap { key in facts.attempts.first { $0.seq == key.seq } }
        let service = create?.service ?? facts.attempts.last { $0.service != nil }?.service
        self.init(
            run: run.id, seq: events.last?.seq ?? 0, status: run.status, service: service, hold: facts.hold?.code,
            retries: facts.attempts.count { $0.nextTryAt != nil },
            clockDifferenceMilliseconds: facts.attempts.last { $0.clockDifferenceMilliseconds != nil }?
                .clockDifferenceMilliseconds,
            key: Self.key(facts), last: facts.attempts.last.map(Self.last),
            errors: Self.errors(facts.attempts, service: service))
        let diagnosis = Self.diagnosis(events)
        (verdict, confidence) = (diagnosis?["verdict"]?.stringValue, diagnosis?["confidence"]?.stringValue)
    }

    /// That of the newest end.
    private static func diagnosis(_ events: [RecordedEvent]) -> JSONObject? {
        var found: JSONObject?
        for event in events {
            switch EventType(rawValue: event.type) {
            case .runDiagnosed: found = event.body
            case .runReopened, .releaseRequested, .runSucceeded, .runFailed, .runCancelled, .runReleased: found = nil
            default: break
            }
        }
        return found
    }

    private static func key(_ facts: RunFacts) -> Key? {
        guard let key = facts.key else { return nil }
        let (yes, no) = (facts.acceptances, facts.refusals)
        return Key(
            name: key.name, fingerprint: key.fingerprint, at: key.at,
            refusedBefore: yes.first.flatMap { first in no.last { $0.seq < first.seq }?.at }, firstYes: yes.first?.at,
            lastYes: yes.last?.at, lastRefusal: no.last?.at)
    }

    private static func last(_ attempt: AttemptFact) -> FleetRun.LastAnswer {
        let type =
            switch attempt.end {
            case .done: EventType.attemptDone
            case .notDone: EventType.attemptNotDone
            case .unknown: EventType.attemptUnknown
            }
        return FleetRun.LastAnswer(
            seq: attempt.seq, at: attempt.at, type: type.rawValue, error: attempt.error, status: attempt.status,
            state: attempt.state, credential: attempt.used.first?.name, fingerprint: attempt.used.first?.fingerprint)
    }

    private static func errors(_ attempts: [AttemptFact], service: String?) -> [ErrorCount] {
        var counts: [[String]: Int] = [:]
        for attempt in attempts where attempt.end != .done {
            let name = attempt.ending.isEmpty ? "no name" : attempt.ending
            counts[[attempt.service ?? service ?? "", ClockText(isUTC: true).date(attempt.at), name], default: 0] += 1
        }
        return counts.sorted { one, other in
            one.key.lexicographicallyPrecedes(other.key) { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        }
        .map { ErrorCount(service: $0.key[0], day: $0.key[1], error: $0.key[2], count: $0.value) }
    }
}
