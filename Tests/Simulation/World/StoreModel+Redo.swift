import WorkflowCore

/// A run in the place of one that was released.
extension StoreModel {
    /// What a person asked for with the release, in the transaction that ends it: a run with the same input, or the
    /// reason why there is none.
    func redo(_ run: Int, worker: Int, at time: Instant) {
        let asked = runs[run].events.last { $0.type == EventType.releaseRequested.rawValue }
        guard let asked, asked.body["redo"] == true else { return }
        let row = runs[run]
        var refusal: String?
        if refusesRedo { refusal = "the input is not what the newest version asks for" }
        if let holder = holder(fixture: row.fixture, row.key), bug != .redoWhileHeld {
            refusal = "the key belongs to run \(holder)"
        }
        if row.events.contains(where: { $0.seq > asked.seq && $0.type == EventType.cancelRequested.rawValue }) {
            refusal = "a person has cancelled that"
        }
        let answer: NewEvent
        if let refusal {
            answer = NewEvent(.redoRefused, ["reason": .string(refusal)])
            tables.runs[run].reason = "no run follows it: \(refusal)"
        } else {
            let new = create(fixture: row.fixture, row.key, actor: asked.actor, redoOf: run)
            answer = NewEvent(.redoStarted, ["run": .string(Self.identifier(of: new).description)])
        }
        record(run, answer, epoch: runs[run].currentEpoch, actor: Self.actor(worker), at: time)
        onRelease(refusal == nil ? .redone : .redoRefused)
    }
}
