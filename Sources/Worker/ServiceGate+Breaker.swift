import EventStore
import WorkflowCore

/// What the fate of a request says of its service, apart from what it means for its run.
enum ServiceFinding: Equatable {
    case answered
    /// It could not be reached, or asked us to wait.
    case down(reason: String, askedMilliseconds: Int64)
    /// The request went out, and nothing sensible came back. One may be bad luck, a series is an outage.
    case silent(reason: String, askedMilliseconds: Int64)
    /// Nothing was sent, for reasons of our own.
    case nothing

    init(_ result: AttemptResult) {
        let asked = min(max(0, result.retryAfterMilliseconds ?? 0), RetryArithmetic.longestMilliseconds)
        let isOutOfReach = !result.isCounted && ["unreachable", "address_refused"].contains(result.error)
        switch result.status {
        case 429?: self = .down(reason: result.error ?? "http.429", askedMilliseconds: asked)
        case _ where isOutOfReach: self = .down(reason: result.error ?? "unreachable", askedMilliseconds: asked)
        case let status? where [502, 503, 504].contains(status):
            self = .silent(reason: result.error ?? "http.\(status)", askedMilliseconds: asked)
        case .some: self = .answered
        case nil where ["timeout", "connection_lost"].contains(result.error):
            self = .silent(reason: result.error ?? "", askedMilliseconds: 0)
        case nil: self = .nothing
        }
    }
}

extension ServiceGate {
    /// So many requests in a row without an answer, of all workers, are an outage.
    static let silentInARow = 5

    /// What an operator should hear of.
    enum Change: Equatable {
        case opened(milliseconds: Int64, failures: Int)
        case closed
    }

    /// Takes in what became of a request; before `leave`, because the place's next owner must see it.
    @discardableResult
    func note(
        _ finding: ServiceFinding, _ name: String, _ place: Place, firstPauseMilliseconds: Int64? = nil
    ) async throws -> Change? {
        // A worker that stops breaks off requests itself.
        guard !isDraining || finding == .answered else { return nil }
        switch finding {
        case .nothing: return nil
        case .answered: return try await answered(name, place.canary) ? .closed : nil
        case .down(let reason, let asked), .silent(let reason, let asked):
            var failure = ServiceFailure(
                service: name, reason: reason, askedMilliseconds: asked,
                firstMilliseconds: max(1, firstPauseMilliseconds ?? 1000), canary: place.canary)
            if case .silent = finding { failure.needed = Self.silentInARow }
            return try await failed(failure)
        }
    }

    private func failed(_ failure: ServiceFailure) async throws -> Change? {
        let name = failure.service
        let time = ContinuousClock.now
        let asked = time + .milliseconds(failure.askedMilliseconds)
        if failure.canary == nil, let ends = doors[name]?.pauseEnds, ends > time, asked <= ends || failure.needed > 1 {
            return nil  // one of many requests that were under way together: no further failure of the service
        }
        if failure.canary != nil { doors[name]?.canary = nil }
        if failure.needed <= 1 { doors[name]?.pauseEnds = max(asked, time + .milliseconds(failure.firstMilliseconds)) }
        doors[name]?.findings += 1
        do {
            let answer = try await store.serviceFailed(failure, worker: configuration.actor)
            doors[name]?.findings += 1
            doors[name]?.record.breaker.unanswered = answer.unanswered
            // What is still closed says nothing about a pause that was seen meanwhile.
            guard answer.leftMilliseconds > 0 else { return nil }
            doors[name]?.record.breaker.pausedUntil = answer.pausedUntil
            doors[name]?.record.breaker.consecutiveFailures = answer.consecutiveFailures
            if failure.canary != nil { doors[name]?.record.breaker.canaryExpires = nil }
            doors[name]?.pauseEnds = .now + .milliseconds(answer.leftMilliseconds)
            tellAll(name)
            return .opened(milliseconds: answer.leftMilliseconds, failures: answer.consecutiveFailures)
        } catch {
            doors[name]?.pauseEnds = nil
            throw error
        }
    }

    /// True: that closed the breaker.
    private func answered(_ name: String, _ canary: Int64?) async throws -> Bool {
        if let door = doors[name], let opened = door.opened {
            let places = door.record.concurrentRequests ?? configuration.concurrentRequests
            doors[name]?.opened = opened < places ? opened + 1 : nil
        }
        if let canary {
            doors[name]?.canary = nil
            doors[name]?.findings += 1
            guard try await store.serviceAnswered(name, canary: canary) else {
                forget(name)
                return false
            }
            doors[name]?.record.breaker = Breaker()
            doors[name]?.pauseEnds = nil
            doors[name]?.findings += 1
            startSlowly(name)
            admit(name)
            return true
        }
        if let breaker = doors[name]?.record.breaker, breaker.unanswered > 0, breaker.consecutiveFailures == 0 {
            doors[name]?.record.breaker.unanswered = 0
            doors[name]?.findings += 1
            _ = try await store.serviceAnswered(name, canary: nil)
        }
        return false
    }

    /// A platform that has just come back gets two requests at once, and one more for each answer.
    func startSlowly(_ name: String) { doors[name]?.opened = 2 }

    /// A place is taken already. Asks to be the one, of all workers, whose request finds out.
    func asCanary(_ name: String, _ record: ServiceRecord, requestMilliseconds: Int64) async throws -> Entry {
        let slack = max(1000, configuration.leaseMarginMilliseconds)
        let sendBefore = ContinuousClock.now + .milliseconds(slack)
        let number: Int64?
        doors[name]?.isAsking = true
        do {
            number = try await store.takeCanary(
                name, worker: configuration.actor, milliseconds: requestMilliseconds + 2 * slack)
            doors[name]?.isAsking = false
        } catch {
            doors[name]?.isAsking = false
            await leave(name)
            throw error
        }
        // Somebody was quicker, or all is well again: the row says which.
        forget(name)
        guard let number else {
            await leave(name)
            return .paused(milliseconds: 100)
        }
        doors[name]?.canary = number
        let place = Place(record: record, canary: number, sendBefore: sendBefore)
        guard isDraining else { return .open(place) }
        await leave(name, place)
        return .draining
    }

    /// The canary was not sent: another may. Unless its result has been noted already.
    func giveBack(_ canary: Int64, of name: String) async {
        guard doors[name]?.canary == canary else { return }
        doors[name]?.canary = nil
        doors[name]?.findings += 1
        // If this fails, the canary expires.
        try? await store.returnCanary(name, canary: canary)
        forget(name)
    }
}
