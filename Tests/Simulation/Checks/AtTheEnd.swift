import WorkflowCore

extension World {
    func complainOfUnrest() {
        guard checker.violation == nil else { return }
        let run = store.runs.firstIndex { $0.status == .live } ?? 0
        let left = store.runs.count { $0.status == .live }
        checker.fail(
            "T3", run: run,
            "\(left) runs are live \(settledFor) ms after the faults stopped, \(actions) actions; the first in state \(store.runs[run].state)"
        )
    }

    private var settledFor: Int64 { Self.settlingMilliseconds }

    /// All is quiet: the whole picture, from the platform's list to the last event.
    func checkAtTheEnd() {
        for (index, run) in store.runs.enumerated() {
            compare(index, run)
            refold(index, run)
        }
        for item in learned {
            guard workers[item.worker].incarnation == item.incarnation, !checker.shadows[item.run].isPutBack else {
                continue
            }
            let isKept = store.runs[item.run].events.contains {
                $0.attemptId == item.attempt && $0.epoch == item.epoch && $0.type != EventType.attemptStarted.rawValue
            }
            if !isKept { checker.fail("X3", run: item.run, "what came of attempt \(item.attempt.low) was dropped") }
        }
        for (index, run) in store.runs.enumerated() where run.status == .held {
            let shadow = checker.shadows[index]
            let isAnswered = run.events.contains {
                $0.type == EventType.attemptLate.rawValue && $0.attemptId == shadow.lastSent
                    && $0.attemptId?.description == shadow.asked && $0.body["outcome"] != "unknown"
                    && $0.body["purpose"] == nil
            }
            if isAnswered, !shadow.isPutBack {
                checker.fail("N2", run: index, "held for what its late answer says")
            }
        }
        for (index, run) in store.runs.enumerated() where run.ownsKey {
            let others = store.runs[..<index].contains {
                $0.ownsKey && $0.fixture == run.fixture && $0.key == run.key
            }
            if others { checker.fail("L5", run: index, "two runs hold the key \(run.key)") }
        }
    }

    /// The production fold over the whole stream gives what the row and its snapshot say.
    private func refold(_ index: Int, _ run: StoreModel.Run) {
        do throws(EvolveError) {
            var state: RunState?
            var atSnapshot: RunState?
            for event in run.events {
                state = try evolve(state, run: StoreModel.identifier(of: index), event)
                if event.seq == run.snapshot?.seq { atSnapshot = state }
            }
            if let snapshot = run.snapshot, snapshot != atSnapshot {
                checker.fail("S1", run: index, "the snapshot is not the fold of its events")
            }
            guard let state, state.status == run.status, state.state == run.state, state.mayBeLeft == run.mayBeLeft
            else {
                return checker.fail("S1", run: index, "the row is not the fold of its events")
            }
        } catch {
            checker.fail("S1", run: index, "\(error)")
        }
    }

    private func compare(_ index: Int, _ run: StoreModel.Run) {
        if checker.shadows[index].isPutBack { return }
        let mine = platform.things.filter { $0.reference == reference(of: index) && $0.isAlive }
        if run.status == .succeeded {
            if mine.isEmpty { checker.fail("E3", run: index, "active, and nothing is there") }
            let token = run.snapshot?.secret("token")?.reference.fingerprint
            let hasToken = Fixtures.all[run.fixture].definition.variable("token") != nil
            if hasToken, !mine.contains(where: { "token\($0.id)" == token }) {
                checker.fail("E4", run: index, "its token is of another client")
            }
        }
        let shadow = checker.shadows[index]
        if Fixtures.all[run.fixture].undoes, run.status == .failed || run.status == .cancelled, !mine.isEmpty,
            !shadow.isLeftBehind, !shadow.isTakenOver
        {
            checker.fail("U2", run: index, "\(run.status.rawValue), and \(mine.count) things were not taken back")
        }
        if !run.ownsKey, !mine.isEmpty, !Fixtures.all[run.fixture].choosesId, !shadow.isTakenOver, !shadow.isLiedTo {
            checker.fail("K1", run: index, "the key is free, and \(mine.count) things are there")
        }
    }
}
