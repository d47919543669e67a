import EventStore
import HTTPActions
import Logging
import WorkflowCore

extension RunProcessor {
    func timeout(of call: CallDefinition) -> Int64 {
        parts.configuration.timeoutMilliseconds(wanted: wantedTimeout(of: call))
    }

    func wantedTimeout(of call: CallDefinition) -> Int64 {
        call.timeoutMilliseconds ?? definition.service(call.service)?.timeoutMilliseconds ?? 30_000
    }

    mutating func perform(_ planned: PlannedCall, _ place: ServiceGate.Place, _ id: Identifier) async
        -> AttemptResult
    {
        let name = planned.call.service
        parts.heartbeat.run(pulse, .sending(milliseconds: timeout(of: planned.call)))
        CrashPoint.afterIntent.passed()
        let outcome = await send(planned, place, id)
        CrashPoint.beforeRecord.passed()
        parts.heartbeat.run(pulse)
        // Before the place is handed on: its next owner must see the pause.
        await tellGate(outcome.result, service: name, place)
        await parts.gate.leave(name, place)
        unsaved = outcome.sealed
        if let attempt = state.openAttempt { result = (attempt, outcome.result) }
        return outcome.result
    }

    private func send(_ planned: PlannedCall, _ place: ServiceGate.Place, _ id: Identifier) async -> ActionOutcome {
        let record = place.record
        let timeout = timeout(of: planned.call)
        guard let service = definition.service(planned.call.service), let baseURL = record.baseURL else {
            return .unsent("unreachable", "the service has no base URL")
        }
        do {
            let current = state
            var action = Action(
                attemptId: id, call: planned.call, service: service, errors: definition.errors,
                variables: definition.data,
                target: ServiceTarget(
                    name: service.name, baseURL: baseURL,
                    allowedAddresses: record.allowedAddresses.compactMap { AddressRule($0) },
                    sendsRequestId: record.sendsRequestId),
                scope: ActionScope(
                    runId: state.id, organisation: state.organisation, key: state.key, workflow: state.workflow,
                    version: state.version, stateName: planned.state, stateKey: planned.stateKey,
                    attemptNumber: planned.attemptNumber, input: state.input, data: planned.data,
                    secretData: try await parts.credentials.openedVariables(
                        planned.secrets, of: state.id, inHand: inHand, now: now),
                    secrets: try await parts.credentials.openedCredentials(
                        for: planned.call, service: service, organisation: state.organisation),
                    nextSecretVersion: { current.nextVersion(ofSecret: $0) }),
                deadlineMilliseconds: timeout, reconcile: planned.reconcile)
            // Last of all, because the commit and the look-ups before it may have taken long. What follows counts from
            // here, however long the process may stand still or the connection take.
            let time = ContinuousClock.now
            guard leaseLeftMilliseconds > timeout + parts.configuration.leaseMarginMilliseconds / 2 else {
                return .unsent(
                    "lease_too_short",
                    "the commit of the intent took too long: the lease no longer outlasts the request")
            }
            if let last = place.sendBefore, time > last {
                return .unsent(
                    "canary_too_late", "the commit of the intent took too long: another request may find out by now")
            }
            let resend = planned.purpose == .call ? state.millisecondsToResend(planned.call, now: latestNow) : nil
            guard resend != 0 else {
                return .unsent(
                    "key_too_old", "the platform may have forgotten the idempotency value of the attempt before")
            }
            action.startedAt = time
            action.latestDeparture = [place.sendBefore, resend.map { time + .milliseconds($0) }].compactMap { $0 }.min()
            return await parts.actions.perform(action)
        } catch {
            parts.logger.error("a call could not be prepared", metadata: ["run": "\(state.id)", "error": "\(error)"])
            return .unsent("not_prepared", "nothing was sent: \(error)")
        }
    }

    /// An outage or a recovery concerns all runs of the service. The run itself does not depend on it.
    private func tellGate(_ result: AttemptResult, service: String, _ place: ServiceGate.Place) async {
        do {
            let change = try await parts.gate.note(
                ServiceFinding(result), service, place,
                firstPauseMilliseconds: definition.service(service)?.cooldownMilliseconds)
            switch change {
            case .opened(let milliseconds, let failures)?:
                parts.logger.warning(
                    "a service is paused",
                    metadata: [
                        "service": "\(service)", "reason": "\(result.error ?? "")", "pause_ms": "\(milliseconds)",
                        "failures": "\(failures)",
                    ])
            case .closed?: parts.logger.notice("a service answers again", metadata: ["service": "\(service)"])
            case nil: break
            }
        } catch {
            parts.logger.warning(
                "a service's state could not be stored", metadata: ["service": "\(service)", "error": "\(error)"])
        }
    }
}

extension ActionOutcome {
    /// Nothing left this process, and nobody is charged.
    static func unsent(_ error: String, _ detail: String) -> ActionOutcome {
        ActionOutcome(
            result: AttemptResult(
                outcome: .notDone, error: error, isCounted: false,
                evidence: ["request_head_sent": false, "detail": .string(detail)]))
    }
}
