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
        checker.comparePlaces()
        countByKey()
    }

    /// A key has one thing over there, but for what people sent again, and what is listed as left behind.
    private func countByKey() {
        struct Place: Hashable {
            let fixture: Int
            let key: String
        }
        var found: [Place: (things: Int, allowed: Int, run: Int)] = [:]
        for (index, run) in store.runs.enumerated() where !Fixtures.all[run.fixture].choosesId {
            let shadow = checker.shadows[index]
            let isListed = Self.isGivenUp(run) && run.mayBeLeft
            guard !isListed else { continue }
            // Of a run that lost events nothing is promised.
            let allowed = shadow.resendsByPeople + (shadow.isPutBack || shadow.isLiedTo ? 100 : 0)
            let place = Place(fixture: run.fixture, key: run.key)
            var entry = found[place] ?? (0, 1, index)
            entry.things += platform.living(madeBy: index)
            entry.allowed += allowed
            entry.run = index
            found[place] = entry
        }
        for entry in found.values.sorted(by: { $0.run < $1.run }) where entry.things > entry.allowed {
            checker.fail("O1", run: entry.run, "its key has \(entry.things) things, \(entry.allowed) explained")
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
            if let snapshot = run.snapshot, snapshot != atSnapshot, bug?.changesState != true {
                checker.fail("S1", run: index, "the snapshot is not the fold of its events")
            }
            guard let state, state.status == run.status, state.state == run.state,
                state.mayBeLeft == run.mayBeLeft || bug?.changesState == true
            else {
                return checker.fail("S1", run: index, "the row is not the fold of its events")
            }
        } catch {
            checker.fail("S1", run: index, "\(error)")
        }
    }

    /// It is over, and what it made is not needed.
    private static func isGivenUp(_ run: StoreModel.Run) -> Bool {
        [.failed, .cancelled, .released].contains(run.status)
    }

    private func compare(_ index: Int, _ run: StoreModel.Run) {
        if checker.shadows[index].isPutBack { return }
        let mine = platform.things.filter { $0.reference == reference(of: index) && $0.isAlive }
        let made = platform.living(madeBy: index)
        if run.status == .succeeded {
            if mine.isEmpty { checker.fail("E3", run: index, "active, and nothing is there") }
            if made == 0, Fixtures.all[run.fixture].isLiedTo, !Fixtures.all[run.fixture].sharesNames,
                !checker.shadows[index].isPersonsChoice
            {
                checker.fail("F1", run: index, "active with a thing that it has not made")
            }
            let token = run.snapshot?.secret("token")?.reference.fingerprint
            let hasToken = Fixtures.all[run.fixture].definition.variable("token") != nil
            if hasToken, !mine.contains(where: { "token\($0.id)" == token }) {
                checker.fail("E4", run: index, "its token is of another client")
            }
        }
        let shadow = checker.shadows[index]
        let fixture = Fixtures.all[run.fixture]
        let isGivenUp = Self.isGivenUp(run)
        // What was found under a name that others have too may be theirs.
        if fixture.undoes, !fixture.sharesNames, isGivenUp, made > 0, !shadow.isLeftBehind, !shadow.isTakenOver {
            checker.fail("U2", run: index, "\(run.status.rawValue), and \(made) things were not taken back")
        }
        if fixture.choosesId || shadow.isLiedTo { return }
        // A released run lets its key go, and says what stays.
        if !run.ownsKey, made > 0, !shadow.isTakenOver, run.status != .released {
            checker.fail("K1", run: index, "the key is free, and \(made) things are there")
        }
        if run.status == .succeeded, made > 1, !run.mayBeLeft {
            checker.fail("F2", run: index, "active, \(made) things of it are there, and nothing says so")
        }
        if isGivenUp, made > 0, !run.mayBeLeft {
            checker.fail(
                "F2", run: index, "\(run.status.rawValue), \(made) things are there, and nothing says so")
        }
    }
}
