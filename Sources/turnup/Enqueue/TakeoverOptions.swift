import ArgumentParser
import EventStore

/// `enqueue --instead-of`: the new run takes over another one's key.
struct TakeoverOptions: ParsableArguments {
    @Option(
        name: .customLong("instead-of"),
        help: ArgumentHelp("Take over the key of this held, failed or cancelled run.", valueName: "run"))
    var run: String?
    @Option(help: ArgumentHelp("With --instead-of: why; it stays in the history.", valueName: "text"))
    var reason: Reason?
    @Option(
        name: .customLong("expected-seq"),
        help: ArgumentHelp("With --instead-of: refuse when that run has more events than these.", valueName: "number"))
    var expectedSeq: Int64?

    func validate() throws {
        guard run != nil else {
            if reason != nil || expectedSeq != nil { throw EnqueueTexts.needInsteadOf }
            return
        }
        guard let reason else { throw EnqueueTexts.insteadOfNeedsReason }
        try reason.validate()
    }

    /// Nil: the run takes nobody's place.
    func resolved(_ session: Session) async throws -> Takeover? {
        guard let run, let reason else { return nil }
        let found = try await session.run(named: run)
        return Takeover(runId: found.id, reason: reason.text, expectedSeq: expectedSeq ?? found.seq)
    }
}
