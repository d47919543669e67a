import EventStore
import TestSupport
import Testing
import WorkflowCore

/// Random streams of every event type, taken as they come by the workers' fold: the SQL fold must come to the same.
@Suite struct VerifyFoldTests {
    @Test func `both folds agree on streams of every type`() async throws {
        try await TestDatabase.withDatabase { database in
            let store = database.store
            try await store.publishWorkflow()
            for number in 0..<400 { try await store.enqueueRun("\(number)") }
            let claims = try await store.claimed(workerA, 400)
            var seen: Set<EventType> = []
            var held: Set<Bool> = []
            let commits = try claims.map { claim in
                let events = try Self.stream(from: claim.state.get(), count: 40)
                seen.formUnion(events.map(\.type))
                let commit = try claim.commit(events)
                if commit.state.status.isEnded { held.insert(commit.state.ownsKey) }
                return commit
            }
            #expect(seen == Set(EventType.allCases).subtracting([.runRequested]))
            #expect(held.contains(true) && held.contains(false), "\(held)")
            _ = try await store.commit(commits, worker: workerA, leaseMilliseconds: minute)
            let found = Found()
            let tally = try await Verifier(store: store).verify(.everything) { found.add($0) }
            #expect(tally.events >= 400 * 41 && found.all == [], "\(found.all.prefix(3))")
        }
    }

    /// Events that may follow each other; of the ends only one in six, so that streams are long.
    private static func stream(from first: RunState, count: Int) throws -> [NewEvent] {
        var state = first
        var events: [NewEvent] = []
        var tries = 0
        while events.count < count {
            tries += 1
            try #require(tries < 100_000, "no event can follow \(state)")
            guard let event = candidate(state, events), let after = try? state.after([event]) else { continue }
            state = after
            events.append(event)
        }
        return events
    }

    private static func candidate(_ state: RunState, _ before: [NewEvent]) -> NewEvent? {
        let type = EventType.allCases.randomElement() ?? .stateEntered
        var body: JSONObject = ["reason": "a test"]
        if Bool.random() { body["entered"] = .string("s\(Int.random(in: 0..<3))") }
        switch type {
        case .runRequested: return nil
        case .attemptStarted:
            // The check is stricter than the workers' fold: after success only inspections come.
            var purposes = state.probe == nil ? [] : ["probe", "probe"]
            switch state.status {
            case .live: purposes += ["call", "call", "lookup", "undo", "replace", "before_undo", "gone"]
            case .succeeded: purposes += ["before_inspect", "inspect"]
            case .held, .failed, .cancelled, .released: break
            }
            guard let purpose = purposes.randomElement() else { return nil }
            body = ["purpose": .string(purpose)]
            if Bool.random() { body["repeatable"] = true }
            if Bool.random() { body["undo"] = true }
            return NewEvent(type, body, attemptId: newId())
        case .attemptDone, .attemptNotDone, .attemptUnknown:
            if Int.random(in: 0..<3) == 0 { body["look_up_after_milliseconds"] = 5 }
            if Int.random(in: 0..<3) == 0 { body["gone_after_milliseconds"] = 5 }
            if Bool.random() { body["gone"] = .string(["seen", "word", "not_gone"].randomElement() ?? "seen") }
            if Bool.random() {
                body["inspected"] = .string(Inspection.Verdict.allCases.randomElement()?.rawValue ?? "")
                if Bool.random() { body["next_milliseconds"] = 5 }
            }
            body["settled"] = .string(["adopt", "replace", "resend", "none", "hold"].randomElement() ?? "none")
            if Int.random(in: 0..<6) == 0 {
                body["made"] = false
                if Bool.random() { body["held_by"] = "another run" }
            }
            return NewEvent(type, body, attemptId: state.openAttempt?.id)
        case .attemptLate:
            body["outcome"] = .string(Outcome.allCases.randomElement()?.rawValue ?? "")
            if Int.random(in: 0..<5) == 0 { body["purpose"] = Bool.random() ? "undo" : "probe" }
            if Int.random(in: 0..<5) == 0 { body["repeatable"] = true }
            if Int.random(in: 0..<5) == 0 { body["incomplete"] = true }
            if state.status.isEnded, Bool.random() { body["key_with"] = "another" }
            let started = before.filter { $0.type == .attemptStarted }.compactMap(\.attemptId)
            let attempts = [state.openAttempt?.id, state.unknown?.attemptId, started.randomElement()]
            return attempts.compactMap { $0 }.randomElement().map { NewEvent(type, body, attemptId: $0) }
        case .attemptSettled:
            body["outcome"] = .string(Bool.random() ? "done" : "not_done")
            if Int.random(in: 0..<4) == 0 { body["made"] = false }
            return state.unknown.map { NewEvent(type, body, attemptId: $0.attemptId) }
        case .runResolved:
            body["choice"] = .string(HoldChoice.allCases.randomElement()?.rawValue ?? "")
            return NewEvent(type, body)
        case .runReopened, .stateEntered:
            body["state"] = .string("s\(Int.random(in: 0..<3))")
            return state.status == (type == .stateEntered ? .live : .failed) ? NewEvent(type, body) : nil
        // The check is stricter than the workers' fold: these are a worker's, and a worker has live runs only.
        case .runHeld:
            if let unknown = state.unknown {
                body["code"] = Bool.random() ? "unknown_outcome" : "caught"
                body["attempt"] = .string(unknown.attemptId.description)
                if Int.random(in: 0..<4) == 0 { body["error"] = "deadline" }
            }
            return state.status == .live ? NewEvent(type, body) : nil
        case .reconcileStarted, .undoStarted, .undoSkipped:
            return state.status == .live ? NewEvent(type, body) : nil
        case .runSucceeded, .runFailed, .runCancelled, .runTakenOver:
            guard Int.random(in: 0..<6) == 0, state.status == .live || type == .runTakenOver else { return nil }
            if type == .runSucceeded, Bool.random() { body["inspect_milliseconds"] = 5 }
            return NewEvent(type, body)
        case .releaseRequested:
            guard state.status == .succeeded, Int.random(in: 0..<4) == 0 else { return nil }
            return NewEvent(type, body)
        case .inspectionRequested: return state.status == .succeeded ? NewEvent(type, body) : nil
        case .runInspected:
            body["verdict"] = .string(Inspection.Verdict.allCases.randomElement()?.rawValue ?? "")
            if Int.random(in: 0..<4) == 0 { body["over"] = true }
            return state.status == .succeeded && state.inspection != nil ? NewEvent(type, body) : nil
        case .runDiagnosed:
            return state.status.isEnded && state.openAttempt == nil && !state.isDiagnosed
                ? NewEvent(type, body) : nil
        case .runReleased:
            return state.status == .live && state.ending?.status == .released ? NewEvent(type, body) : nil
        case .redoStarted, .redoRefused: return state.status == .released ? NewEvent(type, body) : nil
        case .probeAsked:
            body["probe"] = "p"
            if Bool.random() {
                body["of_run"] = .string(newId().description)
                body["key"] = ["name": "api_key", "version": 1, "fingerprint": "0a1b2c3d", "length": 9]
            }
            return NewEvent(type, body)
        case .retryRequested, .cancelRequested, .probeDropped, .secretRead: return NewEvent(type, body)
        }
    }
}
