public import Logging
public import Vault
import WorkflowCore

/// Sends the requests of calls, once each, and judges the answers.
///
/// Any number of actions run at the same time. Nothing a platform answers is an error of the program: every
/// action ends with an outcome, by its deadline.
public final class HTTPActions: Sendable {
    let vault: Vault
    var userAgent: String { configuration.userAgent }
    private let logger: Logger
    private let configuration: HTTPActionsConfiguration
    private let pool: ClientPool
    private let resolver: Resolver

    public init(
        vault: Vault, logger: Logger, configuration: HTTPActionsConfiguration = HTTPActionsConfiguration()
    ) {
        self.vault = vault
        self.logger = logger
        self.configuration = configuration
        pool = ClientPool(configuration: configuration)
        resolver = Resolver(group: pool.group, lookUp: configuration.lookUp)
    }

    /// Closes all connections. Actions under way end as cancelled; later ones end as not sent.
    public func shutdown() async throws { try await pool.shutdown() }

    /// Renders the request, sends it at most once, and judges the answer by the definition.
    ///
    /// Cancelling the task ends the action: not done when nothing had left, otherwise unknown.
    public func perform(_ action: Action) async -> ActionOutcome {
        let outcome = await judged(action)
        logger.debug(
            "request ended",
            metadata: [
                "attempt": "\(action.attemptId)", "run": "\(action.scope.runId)", "service": "\(action.target.name)",
                "outcome": "\(outcome.result.outcome.rawValue)", "error": "\(outcome.result.error ?? "none")",
            ])
        return outcome
    }

    private func judged(_ action: Action) async -> ActionOutcome {
        let started = action.startedAt ?? .now
        let deadline = started + .milliseconds(min(max(action.deadlineMilliseconds, 0), 86_400_000))
        let times = Exchange.Limits(
            deadline: deadline, latestDeparture: min(deadline, action.latestDeparture ?? deadline))
        var evidence = Evidence(action: action, vault: vault, started: started)
        let request: RenderedRequest
        let scope: ExpressionScope
        switch (action.prepared ?? prepare(action)).outcome {
        case .ready(let rendered, let read): (request, scope) = (rendered, read)
        case .noTarget(let error):
            return unsent("address_refused", error.message, isCounted: false, &evidence)
        case .notRendered(let error):
            return unsent("expression", error.text, isCounted: true, &evidence)
        }
        let target = request.target
        evidence.add(request)

        let lookUpStarted = ContinuousClock.now
        let addresses: [IPAddress]
        switch await resolver.resolve(target.host, deadline: times.latestDeparture) {
        case .addresses(let found): addresses = found
        case .failed(let reason):
            return unsent("unreachable", "no address for \(target.host): \(reason)", isCounted: false, &evidence)
        case .timedOut where times.latestDeparture < deadline: return tooLate(&evidence)
        case .timedOut:
            return unsent(
                "unreachable", "no address for \(target.host) before the deadline", isCounted: false, &evidence)
        case .cancelled: return unsent("cancelled", "cancelled before sending", isCounted: false, &evidence)
        }
        if IPAddress(target.host) == nil { evidence.add(lookUp: ContinuousClock.now - lookUpStarted) }
        let check = AddressCheck(rules: action.target.allowedAddresses, isPlain: !target.isSecure)
        for address in addresses {
            if let problem = check.problem(with: address) {
                return unsent("address_refused", problem, isCounted: false, &evidence)
            }
        }
        return await send(request, to: addresses, within: times, action, scope, &evidence)
    }

    /// Dials the addresses in order, going on only while nothing was sent.
    private func send(
        _ request: RenderedRequest, to addresses: [IPAddress], within times: Exchange.Limits, _ action: Action,
        _ scope: ExpressionScope, _ evidence: inout Evidence
    ) async -> ActionOutcome {
        evidence.add(credentialsUsed: ScopeBuilder.used(by: action))
        var reason = "no address could be reached before the deadline"
        for address in addresses.prefix(4) {
            if Task.isCancelled { return unsent("cancelled", "cancelled before sending", isCounted: false, &evidence) }
            let dialled = ContinuousClock.now
            guard dialled < times.latestDeparture else { break }
            evidence.set("address", .string(address.description))
            let exchange = await pool.withClient(
                host: request.target.host, address: address, isSingleUse: !request.isRepeatable
            ) { client, departures in
                await Exchange.perform(request, with: client, departures, within: times, limits: configuration)
            }
            guard let exchange else {
                return unsent("unreachable", "the program is shutting down", isCounted: false, &evidence)
            }
            if case .notSent(let detail) = exchange.ending {
                reason = detail
                continue
            }
            return outcome(of: exchange, dialled: dialled, request, action, scope, evidence)
        }
        // The service is not to blame when our own time for sending was over before the deadline.
        if times.latestDeparture < times.deadline, ContinuousClock.now >= times.latestDeparture {
            return tooLate(&evidence)
        }
        return unsent("unreachable", reason, isCounted: false, &evidence)
    }

    private func tooLate(_ evidence: inout Evidence) -> ActionOutcome {
        unsent(
            "too_late", "the time until which the request might leave was over before there was a connection",
            isCounted: false, &evidence)
    }

    private func unsent(_ error: String, _ detail: String, isCounted: Bool, _ evidence: inout Evidence) -> ActionOutcome
    {
        evidence.set("error", .string(error))
        evidence.set("request_head_sent", false)
        evidence.setText("detail", detail)
        return ActionOutcome(
            result: AttemptResult(
                outcome: .notDone, error: error, isCounted: isCounted, evidence: evidence.finished()))
    }
}
