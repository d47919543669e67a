import WorkflowCore

extension World {
    /// Somebody looks at a run, thinks, and acts on what was seen.
    func personLooks() {
        guard !isHealed, !store.runs.isEmpty else { return }
        let run = chance.below(store.runs.count)
        let row = store.runs[run]
        let seen = row.seq
        after(milliseconds(100, 20_000)) { self.personActs(run, seen: seen) }
    }

    private func personActs(_ run: Int, seen: Int64) {
        guard !store.isDown, store.runs[run].status == .live else { return }
        let isCareful = chance.below(2) == 0
        let isDone = store.append(
            run: run, expectedSeq: isCareful ? seen : nil,
            NewEvent(.cancelRequested, ["reason": "no longer wanted"]), actor: "person:ana")
        if isDone {
            marks.hit(.cancelled, cell: marks.cell(fixture: store.runs[run].fixture, state: store.runs[run].state))
        }
    }
}
