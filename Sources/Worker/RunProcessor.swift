import EventStore
import HTTPActions
import Logging
import Vault
import WorkflowCore

/// Advances one claimed run until it waits, is held or ends.
struct RunProcessor {
    let parts: WorkerParts
    let definition: Definition
    let epoch: Int64
    private let claimedAt: Instant
    private let clock: ContinuousClock.Instant
    var state: RunState
    /// The lease, counted from before the statement that gave it was sent.
    var leaseStart: ContinuousClock.Instant
    /// Sealed in this lease: what the next commit stores, and what later calls open without a look-up.
    var unsaved: [SealedSecret] = []
    var inHand: [SealedSecret] = []
    /// The outcome that is not committed yet; with it in hand nothing is ever sent again.
    var result: (attempt: OpenAttempt, value: AttemptResult)?
    /// The store refused the outcome as it was; what `result` holds now is without the platform's values.
    var isStripped = false
    /// Under which the heartbeat knows this run.
    var pulse: UInt64 = 0

    init(
        parts: WorkerParts, definition: Definition, run: ClaimedRun, state: RunState,
        claimSentAt: ContinuousClock.Instant
    ) {
        self.parts = parts
        self.definition = definition
        self.state = state
        epoch = run.epoch
        claimedAt = run.claimedAt
        clock = .now
        leaseStart = claimSentAt
    }

    /// The database's time, carried on by the monotonic clock.
    var now: Instant {
        claimedAt.advanced(byMilliseconds: clock.duration(to: .now).milliseconds)
    }

    var leaseLeftMilliseconds: Int64 {
        parts.configuration.leaseMilliseconds - leaseStart.duration(to: .now).milliseconds
    }

    /// The latest the database's time can be while an intent is committed. `now` is behind by as long as the answer
    /// to the claim stayed unread, which matters where a promise of the platform runs out.
    var latestNow: Instant {
        guard let attempt = state.openAttempt else { return now }
        return attempt.startedAt.advanced(byMilliseconds: leaseStart.duration(to: .now).milliseconds)
    }

    /// Throws `StoreError` and the like when the run cannot go on; an answer in hand is then kept as evidence.
    mutating func run() async throws {
        do { try await advance() } catch {
            guard let attempt = result?.attempt else { throw error }
            do { try await keepAsEvidence() } catch {
                parts.logger.error(
                    "the answer to an attempt is lost",
                    metadata: ["run": "\(state.id)", "attempt": "\(attempt.id)", "error": "\(error)"])
            }
            throw error
        }
    }

    /// What came of writing a decision.
    enum Written {
        case committed(at: Instant)
        case behind
        case fenced
        /// The store cannot keep the answer's values; `result` is without them now.
        case stripped
        /// There was nothing to write: the lease was given back.
        case released
    }

    private struct Ready {
        let call: PlannedCall
        let place: ServiceGate.Place
        let attemptId: Identifier
    }

    private mutating func advance() async throws {
        var stimulus = Stimulus.claimed
        while true {
            let decision = decide(
                state, definition, stimulus, Surroundings(now: now, random: UInt64.random(in: .min ... .max)))
            let (written, ready, goesOn) = try await carryOut(decision)
            switch written {
            case .committed(let time):
                state = state.committed(at: time)
                if let ready {
                    let call = ready.call.committed(at: time)
                    stimulus = .finished(await perform(call, ready.place, ready.attemptId))
                } else if goesOn {
                    stimulus = .proceed
                } else {
                    return
                }
            case .behind:
                try await catchUp()
                stimulus = result.map { .finished($0.value) } ?? .proceed
            case .stripped:
                stimulus = result.map { .finished($0.value) } ?? .proceed
            case .fenced: return try await keepAsEvidence()
            case .released: return
            }
        }
    }

    /// Writes a decision. `ready`: the intent of that call is committed, and its place at the service taken.
    /// `goesOn`: the lease was kept although nothing is to be sent yet.
    private mutating func carryOut(_ decision: Decision) async throws -> (Written, ready: Ready?, goesOn: Bool) {
        let call: PlannedCall
        switch decision.next {
        case .ended, .held: return (try await write(decision), nil, false)
        case .wait(let milliseconds, let service):
            return (try await write(decision, due: milliseconds, service: service), nil, false)
        case .call(let planned): call = planned
        }
        switch try await entrance(of: call, decision) {
        case .wait(let milliseconds, let waiting):
            return (
                try await write(decision, due: milliseconds, service: call.call.service, waiting: waiting), nil, false
            )
        case .commitFirst:
            // An answer in hand is worth more than a place: write it, then stand in line.
            return (try await write(decision, service: call.call.service, keepsLease: true), nil, true)
        case .send(let place):
            let id = Identifier(
                unixMilliseconds: now.microseconds / 1000,
                random: (.random(in: .min ... .max), .random(in: .min ... .max)))
            do {
                let written = try await writeIntent(decision, call, id)
                if case .committed = written {
                    return (written, Ready(call: call, place: place, attemptId: id), false)
                }
                await parts.gate.leave(call.call.service, place)
                return (written, nil, false)
            } catch {
                await parts.gate.leave(call.call.service, place)
                throw error
            }
        }
    }

    // MARK: Going in

    private enum Entrance {
        case send(ServiceGate.Place)
        case wait(milliseconds: Int64, waiting: String?)
        case commitFirst
    }

    private mutating func entrance(of planned: PlannedCall, _ decision: Decision) async throws -> Entrance {
        // What was refused once may not take the next intent down with it.
        if isStripped { return .commitFirst }
        do {
            return try await entrance(of: planned, hasResult: !decision.events.isEmpty)
        } catch  where !decision.events.isEmpty {
            parts.logger.warning("the next call waits", metadata: ["run": "\(state.id)", "error": "\(error)"])
            return .wait(milliseconds: 1000, waiting: nil)
        }
    }

    /// Only a run that has a place at the service, an address and all secrets commits an intent.
    private mutating func entrance(of planned: PlannedCall, hasResult: Bool) async throws -> Entrance {
        let call = planned.call
        guard let service = definition.service(call.service) else {
            return .wait(milliseconds: 3_600_000, waiting: "no_such_service")
        }
        if let name = try await parts.credentials.missing(
            for: call, service: service, organisation: state.organisation)
        {
            parts.logger.info("run waits for a credential", metadata: ["run": "\(state.id)", "secret": "\(name)"])
            return .wait(milliseconds: 30_000, waiting: "no_secret")
        }
        do {
            // What the last answer gave is still to be stored.
            inHand += try await parts.credentials.sealedVariables(
                planned.secrets, of: state.id, beyond: inHand + unsaved)
            _ = try await parts.credentials.openedCredentials(
                for: call, service: service, organisation: state.organisation)
        } catch let error as VaultError {
            parts.logger.error(
                "a sealed secret cannot be opened", metadata: ["run": "\(state.id)", "error": "\(error.message)"])
            return .wait(milliseconds: 60_000, waiting: "secret_unreadable")
        }
        let patience = hasResult ? 0 : parts.configuration.leaseMilliseconds / 4
        switch try await parts.gate.enter(
            call.service, declaredBaseURL: service.baseURL, now: now,
            waitMilliseconds: min(patience, leaseLeftMilliseconds), requestMilliseconds: timeout(of: call))
        {
        case .open(let place): return .send(place)
        // The store makes it the whole pause; if somebody lifted that meanwhile, the run asks again soon.
        case .paused(let milliseconds): return .wait(milliseconds: min(milliseconds, 1000), waiting: nil)
        case .noBaseURL: return .wait(milliseconds: 30_000, waiting: "no_base_url")
        case .busy: return hasResult ? .commitFirst : .wait(milliseconds: 1000, waiting: "service_busy")
        case .crowded(let milliseconds): return .wait(milliseconds: milliseconds, waiting: "service_busy")
        case .draining: return .wait(milliseconds: 0, waiting: nil)
        }
    }
}

extension Duration {
    var milliseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1000 + attoseconds / 1_000_000_000_000_000
    }
}
