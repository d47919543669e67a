enum RetryChoice: Equatable {
    /// The `retry` part of the attempt's event.
    case after(JSONObject)
    /// Why there is no further try.
    case never(String)
}

extension DecisionBuilder {
    /// What happens after this result: the state's own entries decide, then the built-in default.
    func retry(_ here: StateDefinition, _ result: AttemptResult) -> RetryChoice {
        let error = result.errorName
        if !result.isCounted { return .after(waitForPlatform(result)) }
        if let own = index(of: result, in: here.retry) {
            return retry(entry: own, here.retry[own].policy, result, isOfCall: true)
        }
        if isTransient(result), !here.retriesNothing { return retry(entry: RetryCounter.standard, .standard, result) }
        let detail = result.evidence["detail"]?.stringValue.map { ": \($0)" } ?? ""
        return .never("\(error) is not retried in state \(here.name)\(detail)")
    }

    /// The retry of a lost attempt that left nothing on the platform; the definition allows sending the call again.
    func retryOfLost(_ here: StateDefinition, _ result: AttemptResult) -> RetryChoice {
        if let own = index(of: result, in: here.retry) { return retry(entry: own, here.retry[own].policy, result) }
        if here.retriesNothing { return .never("\(result.errorName) is not retried in state \(here.name)") }
        return retry(entry: RetryCounter.standard, .standard, result)
    }

    /// The retry of taking something back: the undo's own entries decide. After them, a transient error is retried, and
    /// a thing that is still there is taken back anew.
    func retryOfUndo(_ undo: UndoDefinition, _ result: AttemptResult) -> RetryChoice {
        if !result.isCounted { return .after(waitForPlatform(result)) }
        if let own = index(of: result, in: undo.retry) {
            return retry(entry: RetryCounter.undo(own), undo.retry[own].policy, result)
        }
        let mayPass = isTransient(result) || result.errorName == ErrorName.notGone
        guard mayPass, !undo.retriesNothing else { return .never(refusal(result)) }
        return retry(entry: RetryCounter.undo, .standard, result)
    }

    /// The retry of a look-up: the entries of its state, or of its undo, decide. After them, a transient error is retried
    /// for as long as the definition lets the run look.
    func retryOfLookUp(
        _ entries: [RetryEntry], _ reconcile: ReconcileDefinition, _ result: AttemptResult
    ) -> RetryChoice {
        if !result.isCounted { return .after(waitForPlatform(result)) }
        if let own = index(of: result, in: entries) {
            return retry(entry: RetryCounter.lookUp(own), entries[own].policy, result)
        }
        // Any trouble on the platform's side may pass; a list that cannot be read is the definition's.
        let mayPass = isTransient(result) || (result.outcome == .unknown && result.errorName != "bad_answer")
        guard mayPass else { return .never(refusal(result)) }
        let policy = RetryPolicy(name: "look-up", withinMilliseconds: reconcile.withinMilliseconds)
        return retry(entry: RetryCounter.lookUp, policy, result)
    }

    /// The retry of an inspection's requests: its own entries decide. After them, trouble on the platform's side is
    /// retried; then it is not known how the thing stands. A platform that cannot be reached ends an inspection, too.
    /// `isNamed`: the error is drift, unless the definition's own entries say that it may pass.
    func retryOfInspection(_ inspect: InspectDefinition, _ result: AttemptResult, isNamed: Bool) -> RetryChoice {
        if !result.isCounted {
            return state.uncountedInARow < 5 ? .after(waitForPlatform(result)) : .never(refusal(result))
        }
        if let own = index(of: result, in: inspect.retry) {
            return retry(entry: RetryCounter.lookUp(own), inspect.retry[own].policy, result)
        }
        let mayPass =
            !isNamed && (isTransient(result) || (result.outcome == .unknown && result.errorName != "bad_answer"))
        guard mayPass, !inspect.retriesNothing else { return .never(refusal(result)) }
        return retry(entry: RetryCounter.lookUp, .standard, result)
    }

    /// The first entry that names the error.
    private func index(of result: AttemptResult, in entries: [RetryEntry]) -> Int? {
        entries.firstIndex { entry in
            entry.errors.contains { ErrorName.matches($0, error: result.errorName, status: result.status) }
        }
    }

    private func isTransient(_ result: AttemptResult) -> Bool {
        result.errorName == "unknown_outcome"
            || ErrorName.matches("transient", error: result.errorName, status: result.status)
    }

    private func refusal(_ result: AttemptResult) -> String {
        "\(result.errorName)\(result.evidence["detail"]?.stringValue.map { ": \($0)" } ?? "")"
    }

    private func retry(
        entry: Int, _ policy: RetryPolicy, _ result: AttemptResult, isOfCall: Bool = false
    ) -> RetryChoice {
        let counter = state.counters.first { $0.entry == entry }
        let tried = (counter?.attempts ?? 0).addingClamped(1)
        let error = result.errorName
        if let most = policy.maximumAttempts, tried >= most {
            return .never("\(error) after \(tried) attempts, the most that policy \(policy.name) allows")
        }
        var delay = RetryArithmetic.delayMilliseconds(policy, retry: tried, random: context.random)
        let used = counter.map { max(0, context.now.milliseconds(since: $0.firstAt)) } ?? 0
        let learned = isOfCall ? learnedDelay(policy, usedMilliseconds: used) : nil
        delay = learned?.milliseconds ?? delay
        var raised = false
        if policy.honoursRetryAfter, let asked = result.retryAfterMilliseconds, asked > delay {
            delay = asked
            raised = true
        }
        if let within = policy.withinMilliseconds {
            if delay > max(0, within) - used {
                let span = RetryArithmetic.spanText(within)
                return .never(
                    raised
                        ? "\(error): the platform asks to wait \(RetryArithmetic.spanText(delay)), beyond the window of \(span) of policy \(policy.name)"
                        : "\(error) for the whole window of \(span) of policy \(policy.name), \(tried) attempts")
            }
        }
        var retry: JSONObject = [
            "policy": .string(policy.name), "entry": .integer(entry),
            "delay_milliseconds": .integer(min(delay, RetryArithmetic.longestMilliseconds)), "number": .integer(tried),
        ]
        if let learned { retry["learned"] = learned.event }
        if raised { retry["retry_after_milliseconds"] = .integer(delay) }
        return .after(retry)
    }

    /// The platform was not reached, or asked us to come later: the wait costs no attempt and has no limit of its own.
    private func waitForPlatform(_ result: AttemptResult) -> JSONObject {
        let policy = RetryPolicy(name: "service", maximumDelayMilliseconds: 30_000, jitter: .equal)
        var delay = RetryArithmetic.delayMilliseconds(
            policy, retry: state.uncountedInARow.addingClamped(1), random: context.random)
        var retry: JSONObject = ["policy": "service"]
        if let asked = result.retryAfterMilliseconds, asked > delay {
            delay = asked
            retry["retry_after_milliseconds"] = .integer(asked)
        }
        retry["delay_milliseconds"] = .integer(min(delay, RetryArithmetic.longestMilliseconds))
        return retry
    }
}

/// Delays, from a policy and one random number.
public enum RetryArithmetic {
    /// The longest wait, whatever a platform asks for: ten years, as for every duration in a file.
    public static let longestMilliseconds = DurationText.maximumMilliseconds

    /// The delay before the given retry (1 for the first), in milliseconds.
    public static func delayMilliseconds(_ policy: RetryPolicy, retry: Int, random: UInt64) -> Int64 {
        let most = Double(min(max(policy.maximumDelayMilliseconds, 0), longestMilliseconds))
        var delay = min(max(Double(policy.delayMilliseconds), 0), most)
        // A loop, not a power: the loop stops at the cap, and a factor of 1 never reaches the cap.
        var left = min(max(retry, 1), 10_000) - 1
        while left > 0, delay > 0, delay < most, policy.backoff.isFinite, policy.backoff > 0, policy.backoff != 1 {
            delay = min(delay * policy.backoff, most)
            left -= 1
        }
        let share = Double(random >> 11) / Double(UInt64(1) << 53)
        switch policy.jitter {
        case .none: break
        case .full: delay *= share
        case .equal: delay = delay / 2 + delay / 2 * share
        }
        return Int64(delay.rounded())
    }

    /// A span as people write it: 90s, 15m, 6h, 3d.
    public static func spanText(_ milliseconds: Int64) -> String {
        switch milliseconds {
        case 86_400_000... where milliseconds % 86_400_000 == 0: "\(milliseconds / 86_400_000)d"
        case 3_600_000... where milliseconds % 3_600_000 == 0: "\(milliseconds / 3_600_000)h"
        case 60_000... where milliseconds % 60_000 == 0: "\(milliseconds / 60_000)m"
        case 1000... where milliseconds % 1000 == 0: "\(milliseconds / 1000)s"
        default: "\(milliseconds)ms"
        }
    }
}
