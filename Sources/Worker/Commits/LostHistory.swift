import EventStore
import Logging
import Vault
import WorkflowCore

/// Checks, after the database was away, whether it still holds what it had acknowledged to this worker. If not, the
/// database was put back to an older state: by a fail-over to a standby that lagged behind, or by a restore.
///
/// Runs that lost events are held, because their streams no longer tell what was sent for them. The answers that they
/// got are kept as late evidence, above all keys that may be shown only once.
struct LostHistory {
    let store: any EventStore
    let acknowledgements: Acknowledgements
    let credentials: CredentialReader
    let actor: String
    let logger: Logger

    /// How often a run that moves meanwhile is looked at again.
    private static let looks = 5

    /// Looks when connections were made anew since the last look.
    func look(ifNewerThan generation: inout Int) async throws {
        while store.generation != generation {
            let newest = store.generation
            try await look()
            generation = newest
        }
    }

    /// Answers how many runs had lost events. Throws `StoreError` when the database cannot be asked.
    @discardableResult
    func look() async throws -> Int {
        let known = acknowledgements.all
        var lost: [Acknowledgements.Entry] = []
        for start in stride(from: 0, to: known.count, by: 500) {
            let page = Array(known[start..<min(start + 500, known.count)])
            lost += try await store.missing(page.map(\.end)).map { page[$0] }
        }
        guard !lost.isEmpty else { return 0 }
        logger.critical(
            "the database was put back to an older state: it has lost events that it had acknowledged",
            metadata: ["runs": "\(lost.count)", "hint": "each is held or settled as unknown; see their histories"])
        for entry in lost {
            do { try await keep(entry) } catch let error as StoreError where error.isPassing { throw error } catch {
                // One run that cannot be read must not keep all others from going on.
                logger.critical(
                    "what a run has lost could not be kept",
                    metadata: ["run": "\(entry.end.runId)", "error": "\(error)"])
            }
            acknowledgements.forget([entry.end.runId])
        }
        return lost.count
    }

    private func keep(_ entry: Acknowledgements.Entry) async throws {
        let id = entry.end.runId
        var events = try await store.events(of: id, after: 0)
        guard var state = try fold(events, id) else {
            // No run is left to keep evidence with: all that remains are the attempts' ids, by which the platform knows
            // the requests.
            let attempts = entry.outcomes.map { "\($0.attemptId)" }.joined(separator: ",")
            logger.critical("the database has lost a run", metadata: ["run": "\(id)", "attempts": "\(attempts)"])
            return
        }
        logger.critical(
            "a run has lost events",
            metadata: ["run": "\(id)", "acknowledged": "\(entry.end.seq)", "found": "\(state.seq)"])
        // The stream may have grown again without the lost events, so its length tells nothing.
        let closed = Set(events.filter { EventType(rawValue: $0.type)?.closesAttempt == true }.compactMap(\.attemptId))
        for outcome in entry.outcomes where !closed.contains(outcome.attemptId) { try await keep(outcome, of: id) }
        for _ in 0..<Self.looks {
            events = try await store.events(of: id, after: 0)
            state = try fold(events, id) ?? state
            // An attempt that is open will be settled as unknown, by the rule of its definition, when its lease is over.
            guard state.status == .live, state.openAttempt == nil else { return }
            if case .accepted = try await store.append(hold(state, entry.end.seq)) { return }
        }
        logger.critical("a run that has lost events could not be held: it moves on", metadata: ["run": "\(id)"])
    }

    private func fold(_ events: [RecordedEvent], _ id: Identifier) throws -> RunState? {
        var state: RunState?
        for event in events { state = try evolve(state, run: id, event) }
        return state
    }

    private func hold(_ state: RunState, _ acknowledged: Int64) throws -> AppendRequest {
        let event = NewEvent(
            .runHeld,
            [
                "code": "history_lost", "error": "history_lost", "state": .string(state.state),
                "text": .string(
                    "the database has lost events \(state.seq + 1) and on, up to \(acknowledged) at least: it was put "
                        + "back to an older state. What was sent meanwhile is not known from here; late evidence in the "
                        + "history has the answers that the worker still knew. Look at the platform, then decide."),
                "choices": .array([.string("done"), .string("retry_anyway"), .string("abandon")]),
            ])
        let after = try evolve(
            state, run: state.id,
            RecordedEvent(
                seq: state.seq + 1, type: event.type.rawValue, body: event.body, epoch: 0, attemptId: nil, actor: actor,
                recordedAt: .ofThisCommit))
        return AppendRequest(
            runId: state.id, expectedSeq: state.seq, event: event, actor: actor, stateAfter: after)
    }

    private func keep(_ outcome: Acknowledgements.Outcome, of run: Identifier) async throws {
        let late = try outcome.sealed.map { sealed in
            try credentials.resealed(sealed, name: "late/\(outcome.attemptId)/\(sealed.place.name)")
        }
        var body = outcome.body
        body["lost"] = true
        if late.isEmpty { body["sealed"] = nil } else { body["sealed"] = .array(late.map(\.reference.json)) }
        _ = try await store.appendLate(
            LateEvidence(runId: run, epoch: outcome.epoch, attemptId: outcome.attemptId, body: body, sealed: late),
            worker: actor)
    }
}
