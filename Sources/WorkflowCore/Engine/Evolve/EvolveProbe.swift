// How probes change the state: nothing but that one is asked for, under way, or over.

extension RunState {
    mutating func askForProbe(_ event: RecordedEvent) throws(EvolveError) {
        guard let asked = PendingProbe(event.body, askedAt: event.recordedAt) else {
            throw EvolveError(seq: event.seq, message: "what it says of the probe is incomplete")
        }
        probe = asked
    }

    /// Neither counters nor waits nor what is not known of the run's own requests take notice.
    mutating func startProbe(_ event: RecordedEvent, _ id: Identifier) {
        openAttempt = OpenAttempt(
            id: id, state: event.body["state"]?.stringValue ?? state, number: 1, startedAt: event.recordedAt,
            isRepeatable: event.body["repeatable"]?.boolValue ?? false, purpose: .probe,
            endsMilliseconds: event.body["ends_milliseconds"]?.integerValue)
    }
}
