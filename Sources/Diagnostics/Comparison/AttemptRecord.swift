public import WorkflowCore

/// One attempt as a comparison sees it: the request as its intent has it, and the answer.
public struct AttemptRecord: Sendable, Equatable {
    public let run: Identifier
    /// The intent, and the event that ended it; nil: it is still open.
    public let started: RecordedEvent
    public let ended: RecordedEvent?

    /// The attempt that this event began or ended; nil: it belongs to none.
    public init?(_ seq: Int64, of run: Identifier, in events: [RecordedEvent]) {
        guard let id = events.first(where: { $0.seq == seq })?.attemptId else { return nil }
        self.init(id, of: run, in: events)
    }

    private init?(_ id: Identifier, of run: Identifier, in events: [RecordedEvent]) {
        let own = events.filter { $0.attemptId == id }
        guard let started = own.first(where: { $0.type == EventType.attemptStarted.rawValue }) else { return nil }
        self.run = run
        self.started = started
        // A late answer may have settled what was unknown.
        ended = own.last { Self.endings.contains($0.type) }
    }

    private static let endings = Set(
        [EventType.attemptDone, .attemptNotDone, .attemptUnknown, .attemptSettled].map(\.rawValue))

    public var state: String { started.body["state"]?.stringValue ?? "" }
    public var purpose: Purpose { started.body["purpose"]?.stringValue.flatMap(Purpose.init) ?? .call }
    public var isDone: Bool { ended?.type == EventType.attemptDone.rawValue }

    /// The newest attempt of the same call that was answered as the definition wants it.
    public static func lastGood(like other: AttemptRecord, of run: Identifier, in events: [RecordedEvent])
        -> AttemptRecord?
    {
        events.reversed().lazy.compactMap { event -> AttemptRecord? in
            guard event.type == EventType.attemptDone.rawValue, let id = event.attemptId else { return nil }
            return AttemptRecord(id, of: run, in: events)
        }.first { $0.state == other.state && $0.purpose == other.purpose && $0.started != other.started }
    }
}
