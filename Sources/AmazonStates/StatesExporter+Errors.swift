import WorkflowCore

/// Retry and catch.
extension StatesExporter {
    /// The errors after which a call may have worked although it failed, when sending it twice is not harmless: in
    /// Turnup such a run waits for a person.
    private func heldNames(_ call: CallDefinition) -> [String] {
        guard !call.isRepeatable else { return [] }
        return [AmazonErrorName.timeout, AmazonErrorName.socket]
            + AmazonErrorName.statuses(ofFamily: 5).map(AmazonErrorName.status)
            + definition.errors.filter(\.isUnknown).map(\.name) + ["bad_answer"]
    }

    mutating func retriers(_ state: StateDefinition, _ call: CallDefinition) -> [JSONValue] {
        guard !state.retriesNothing || !state.retry.isEmpty else { return [] }
        var entries = state.retry
        let takesAll = entries.contains { $0.errors.contains("any") }
        if !state.retriesNothing, !takesAll { entries.append(RetryEntry(errors: ["transient"], policy: .standard)) }
        // An error that an earlier entry takes never reaches a later entry.
        var taken = Set(heldNames(call))
        return entries.compactMap { entry in
            let names = names(of: entry.errors).filter { taken.insert($0).inserted }
            guard !names.isEmpty else { return nil }
            return .object(retrier(names, entry.policy, state))
        }
    }

    private mutating func retrier(_ names: [String], _ policy: RetryPolicy, _ state: StateDefinition) -> JSONObject {
        let label = "retry policy \(policy.name)"
        let seconds = max(1, (policy.delayMilliseconds + 999) / 1000)
        if seconds * 1000 != policy.delayMilliseconds {
            lose("\(label): the delay of \(policy.delayMilliseconds) ms becomes \(seconds) s")
        }
        var entry: JSONObject = [
            "ErrorEquals": .array(names.map { .string($0) }), "IntervalSeconds": .integer(seconds),
        ]
        let most = policy.maximumDelayMilliseconds / 1000
        if policy.backoff == 1 || most <= seconds {
            entry["BackoffRate"] = 1
        } else {
            entry["BackoffRate"] = JSONNumber(double: policy.backoff).map(JSONValue.number) ?? 1
            entry["MaxDelaySeconds"] = .integer(most)
            if most * 1000 != policy.maximumDelayMilliseconds {
                lose("\(label): the longest delay of \(policy.maximumDelayMilliseconds) ms becomes \(most) s")
            }
        }
        var retries = policy.maximumAttempts.map { max(0, $0 - 1) }
        if let within = policy.withinMilliseconds {
            let fitting = Self.retries(policy, within: within)
            lose(
                "\(label): within \(RetryArithmetic.spanText(within)) becomes \(fitting) retries, as many as its delays "
                    + "leave room for; the time that attempts take is not counted")
            retries = min(retries ?? fitting, fitting)
        }
        entry["MaxAttempts"] = .integer(retries ?? Self.mostRetries)
        switch policy.jitter {
        case .none: entry["JitterStrategy"] = "NONE"
        case .full: entry["JitterStrategy"] = "FULL"
        case .equal:
            entry["JitterStrategy"] = "FULL"
            lose("\(label): jitter equal becomes FULL, which may be as short as nothing")
        }
        if policy.schedule == .learned { lose("\(label): schedule learned becomes the declared delays") }
        if policy.honoursRetryAfter { lose("Retry-After of an answer, which raises a delay here") }
        return entry
    }

    /// The highest number of retries that the other language takes.
    private static let mostRetries = 99_999_999

    /// How many delays fit into the time, one after the other.
    private static func retries(_ policy: RetryPolicy, within milliseconds: Int64) -> Int {
        let plain = RetryPolicy(
            name: policy.name, delayMilliseconds: policy.delayMilliseconds, backoff: policy.backoff,
            maximumDelayMilliseconds: policy.maximumDelayMilliseconds, jitter: .none)
        var used: Int64 = 0
        var count = 0
        // A policy without any delay would fit for ever.
        while count < 1_000_000 {
            let delay = RetryArithmetic.delayMilliseconds(plain, retry: count + 1, random: 0)
            guard delay <= milliseconds - used else { return count }
            used += delay
            count += 1
        }
        return count
    }

    mutating func catchers(_ state: StateDefinition, _ call: CallDefinition) -> [JSONValue] {
        var catchers: [JSONValue] = []
        let held = heldNames(call)
        if !held.isEmpty {
            lose(
                "state \(state.name): \(call.method) \(call.path.source) is not safe to send twice, so a lost answer waits "
                    + "for a person here; there the execution fails")
            catchers.append(.object(catcher(held, next: hold(state, "unknown_outcome"))))
        }
        var takesAll = false
        for entry in state.catches {
            var names = names(of: entry.errors)
            takesAll = takesAll || names.contains(AmazonErrorName.all)
            if !names.contains(AmazonErrorName.all) { names.removeAll { held.contains($0) } }
            guard !names.isEmpty else { continue }
            let next: String
            switch entry.target {
            case .next(let name): next = name
            case .hold(let text):
                lose("state \(state.name): hold for a person with \"\(text.source)\"; there the execution fails")
                next = hold(state, "held")
            }
            var body = catcher(names, next: next)
            let assigned = assignments(entry.set, in: "state \(state.name): catch.set")
            if !assigned.isEmpty { body["Assign"] = .object(assigned) }
            catchers.append(.object(body))
        }
        if !takesAll, let failure = definition.failureState {
            catchers.append(.object(catcher([AmazonErrorName.all], next: failure.name)))
        }
        return catchers
    }

    private func catcher(_ names: [String], next: String) -> JSONObject {
        ["ErrorEquals": .array(names.map { .string($0) }), "ResultPath": .null, "Next": .string(next)]
    }

    /// Adds a state in which an execution fails; in Turnup the run waits for a person there.
    private mutating func hold(_ state: StateDefinition, _ error: String) -> String {
        let name = freeName("\(state.name)-held")
        add(name, ["Type": "Fail", "Error": .string(error)])
        return name
    }

    /// The other language's names for ours. Named answers go with the status they have.
    private mutating func names(of errors: [String]) -> [String] {
        var names: [String] = []
        for error in errors {
            for name in self.names(of: error) where !names.contains(name) { names.append(name) }
        }
        return names
    }

    private mutating func names(of error: String) -> [String] {
        switch error {
        case "any": return [AmazonErrorName.all]
        case "timeout": return [AmazonErrorName.timeout]
        case "unreachable", "connection_lost": return [AmazonErrorName.socket]
        case "transient":
            return [AmazonErrorName.timeout, AmazonErrorName.socket]
                + ErrorName.transientStatuses.map(AmazonErrorName.status)
        default: break
        }
        if definition.errors.contains(where: { $0.name == error && $0.namesLostConnection }) {
            return [AmazonErrorName.socket]
        }
        guard error.hasPrefix("http.") else { return [error] }
        let text = error.dropFirst(5)
        let pattern: StatusPattern
        let codes: [Int]
        if let code = Int(text) {
            pattern = .exact(code)
            codes = [code]
        } else {
            let digit = text.first?.wholeNumberValue ?? 5
            pattern = .family(digit)
            codes = AmazonErrorName.statuses(ofFamily: digit)
            lose("\(error) becomes the registered statuses of that family")
        }
        let named = definition.errors.filter { rule in
            !rule.statuses.isEmpty && rule.statuses.allSatisfy(pattern.covers)
        }
        return codes.map(AmazonErrorName.status) + named.map(\.name)
    }
}
