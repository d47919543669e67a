import WorkflowCore

extension World {
    /// Somebody looks at a run, thinks, and acts on what was seen.
    func personLooks() {
        guard !isHealed, !store.runs.isEmpty else { return }
        // People look at what waits for them.
        let held = store.runs.indices.filter { store.runs[$0].status == .held }
        personLooks(at: !held.isEmpty && chance.below(3) > 0 ? chance.pick(held) : chance.below(store.runs.count))
    }

    func personLooks(at run: Int, thinking: Int64? = nil) {
        guard let seen = folded(run) else { return }
        let hash = store.runs[run].hash
        let thinking = thinking ?? (chance.below(2) == 0 ? milliseconds(10, 200) : milliseconds(200, 20_000))
        after(thinking) {
            // After a fail-over another stream may have come as far.
            guard self.store.runs[run].hashes.contains(hash) else { return }
            self.personActs(run, seen)
        }
    }

    /// Somebody shuts the service, and may have to open it again.
    func personPauses() {
        guard !isHealed, !store.isDown else { return }
        let milliseconds: Int64? = chance.pick([1000, 5000, 30_000, nil])
        store.pauseService(milliseconds: milliseconds, actor: "person:ana")
        marks.hit(.servicePaused)
        trace.note("the service is paused\(milliseconds.map { " for \($0) ms" } ?? "")")
        guard milliseconds == nil || chance.below(3) == 0 else { return }
        after(self.milliseconds(500, 20_000)) { self.personResumes() }
    }

    private func personResumes() {
        if isHealed { return }
        if store.isDown { return after(milliseconds(500, 5000)) { self.personResumes() } }
        store.resumeService(actor: "person:ana")
        trace.note("the service is resumed")
    }

    private func folded(_ run: Int) -> RunState? {
        var state: RunState?
        for event in store.runs[run].events {
            do { state = try evolve(state, run: StoreModel.identifier(of: run), event) } catch {
                checker.fail("FOLD", run: run, "\(error)")
                return nil
            }
        }
        return state
    }

    private func personActs(_ run: Int, _ seen: RunState) {
        guard !store.isDown else { return }
        let cell = marks.cell(fixture: store.runs[run].fixture, state: seen.state)
        guard let (verb, act) = wish(run, seen) else { return }
        do throws(OperatorActionRefusal) {
            let event = try act()
            let answer =
                verb == .takeOver
                ? store.takeOver(run: run, expectedSeq: seen.seq, event, actor: "person:ana")
                : store.append(run: run, expectedSeq: seen.seq, event, actor: "person:ana")
            switch answer {
            case .accepted:
                marks.hit(.person(verb), cell: cell)
                if verb == .cancel { marks.hit(.cancelled, cell: cell) }
            case .behind, .keyTaken: marks.hit(.person(.refused), cell: cell)
            }
        } catch {
            marks.hit(.person(.refused), cell: cell)
        }
    }

    private typealias Wish = (verb: OperatorAction, act: () throws(OperatorActionRefusal) -> OperatorActionEvent)

    private func wish(_ run: Int, _ seen: RunState) -> Wish? {
        let definition = Fixtures.all[store.runs[run].fixture].definition
        switch seen.status {
        case .live:
            guard chance.below(3) == 0 else {
                return (
                    .cancel, { () throws(OperatorActionRefusal) in try seen.cancelling(reason: "no longer wanted") }
                )
            }
            return (
                .retry, { () throws(OperatorActionRefusal) in try seen.retrying(reason: "now, please", definition) }
            )
        case .held: return decision(run, seen, definition)
        case .failed:
            guard chance.below(2) == 0 else { return takeOver(run, seen) }
            return (
                .reopen, { () throws(OperatorActionRefusal) in try seen.retrying(reason: "it is mended", definition) }
            )
        case .cancelled: return chance.below(4) == 0 ? takeOver(run, seen) : nil
        case .succeeded: return letGo(seen)
        case .released: return nil
        }
    }

    /// What succeeded is taken back, and perhaps made anew. What has no undo stays over there only by a person's word.
    private func letGo(_ seen: RunState) -> Wish? {
        guard chance.below(2) == 0 else { return nil }
        let startsAgain = chance.below(2) == 0
        let leavesBehind = seen.mayHaveCreated && chance.below(3) > 0
        return (
            startsAgain ? .redo : .release,
            { () throws(OperatorActionRefusal) in
                try seen.releasing(
                    reason: "not needed any more", leavesBehind: leavesBehind, startsAgain: startsAgain)
            }
        )
    }

    private func takeOver(_ run: Int, _ seen: RunState) -> Wish {
        let other = StoreModel.identifier(of: store.runs.count)
        return (.takeOver, { () throws(OperatorActionRefusal) in try seen.takenOver(by: other, reason: "a new start") })
    }

    /// What a person makes of a held run, after having looked at the platform.
    private func decision(_ run: Int, _ seen: RunState, _ definition: Definition) -> Wish? {
        if chance.below(6) == 0 {
            return (.cancel, { () throws(OperatorActionRefusal) in try seen.cancelling(reason: "no longer wanted") })
        }
        if chance.below(12) == 0 { return takeOver(run, seen) }
        guard
            let choice = seen.hold.flatMap({ $0.choices.isEmpty ? nil : chance.pick($0.choices) })
                .flatMap(HoldChoice.init)
        else { return nil }
        // Where others have the name too, whoever looks over there knows whose a thing is.
        let sharesNames = Fixtures.all[store.runs[run].fixture].sharesNames
        let thing = sharesNames ? platform.newestLiving(madeBy: run) : platform.newestLiving(reference(of: run))
        func resolve(_ verb: OperatorAction, _ values: JSONObject = JSONObject(), _ sealed: [SealedReference] = [])
            -> Wish
        {
            (
                verb,
                { () throws(OperatorActionRefusal) in
                    try seen.resolving(choice, reason: "looked at it", definition, values: values, sealed: sealed)
                }
            )
        }
        switch choice {
        case .retry: return resolve(.retry)
        case .retryAnyway: return resolve(.retryAnyway)
        case .abandon: return resolve(.abandon)
        case .adopt:
            guard
                let number = seen.hold?.candidates.firstIndex(where: {
                    $0["thing"] == thing.map { .string("\($0.id)") }
                })
            else { return nil }
            return (
                .adopt,
                { () throws(OperatorActionRefusal) in
                    try seen.resolving(
                        .adopt, reason: "this is it", definition, candidate: number + 1)
                }
            )
        case .done where seen.ending != nil || seen.isReplacing:
            // Taken back by hand, over there, after one more look: what is there may belong to a newer attempt.
            guard store.heads(run).seq == seen.seq else { return nil }
            let isExtra = seen.undoList.last?.state == "attaching" && seen.ending != nil
            platform.removeByHand(reference(of: run), extrasOnly: isExtra, at: now)
            return resolve(.done)
        case .done:
            guard let thing,
                let call = definition.state(seen.state).flatMap({
                    if case .call(let call) = $0.action { call } else { nil }
                })
            else { return nil }
            var values = JSONObject()
            var sealed: [SealedReference] = []
            for item in call.save {
                switch item.name {
                case "thing": values["thing"] = .string("\(thing.id)")
                case "session": values["session"] = .string("s\(thing.id)")
                default:
                    let value = item.name == "token" ? "token\(thing.id)" : thing.apiKey
                    sealed.append(
                        SealedReference(
                            name: item.name, version: seen.nextVersion(ofSecret: item.name), fingerprint: value,
                            length: value.utf8.count))
                }
            }
            return resolve(.done, values, sealed)
        }
    }
}
