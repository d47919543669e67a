// Deadlines, signals and look-ups.

extension DraftChecker {
    /// W322: what is learned is how old keys are when the platform accepts them.
    mutating func checkLearned() {
        let learned = Set(draft.policies.filter { $0.policy?.schedule == .learned }.map(\.name))
        for state in draft.states {
            let isOfKey = draft.call(of: state)?.isRepeatable ?? true
            for (entries, isIdle) in [
                (state.retry, !isOfKey), (state.undo?.retry ?? [], true), (state.inspect?.retry ?? [], true),
            ]
            where isIdle {
                for entry in entries {
                    guard let policy = entry.policy, learned.contains(policy.value) else { continue }
                    report(
                        .learnedInVain, policy.path, .value,
                        "state \"\(state.name)\": policy \"\(policy.value)\" is learned from how long keys take, and nothing "
                            + "here asks again with a key, so its declared delays stand",
                        hint: "name another policy here")
                }
            }
        }
    }

    mutating func checkWaits() {
        checkDeadlines()
        for state in draft.states {
            if !state.awaits.isEmpty, state.deadlineMilliseconds == nil, draft.deadlineMilliseconds == nil {
                report(
                    .endlessAwait, state.path.member("await"), .name,
                    "state \"\(state.name)\" awaits a signal without a deadline, so it may wait for 30 days",
                    hint: "give the state a deadline, and catch the error deadline")
            }
            checkLookUp(state)
            checkIdentity(state)
            checkInspect(state)
        }
        for signal in draft.signals where signal.origin == .webhook && !signal.hasVerify {
            report(
                .unverifiedWebhook, signal.path, .name,
                "signal \"\(signal.name)\" is from a webhook without verify, so anybody could send it",
                hint: "add verify: {hmac: sha256, header: …, secret: ${secrets.…}}")
        }
    }

    /// E304: what takes longer than the deadline around it never comes to its end.
    private mutating func checkDeadlines() {
        if let whole = draft.deadlineMilliseconds {
            for policy in draft.policies {
                guard let within = policy.policy?.withinMilliseconds else { continue }
                checkWindow(
                    within, whole, policy.path.member("within"), "retry policy \"\(policy.name)\"", "the deadline")
            }
            for state in draft.states {
                guard let own = state.deadlineMilliseconds else { continue }
                checkWindow(
                    own, whole, state.path.member("deadline"), "the deadline of state \"\(state.name)\"",
                    "that of the whole run")
            }
        }
        let windows = Dictionary(
            draft.policies.map { ($0.name, $0.policy?.withinMilliseconds) }, uniquingKeysWith: { first, _ in first })
        for state in draft.states {
            let subject = "state \"\(state.name)\": "
            let isOwn = state.deadlineMilliseconds != nil
            guard let limit = state.deadlineMilliseconds ?? draft.deadlineMilliseconds else { continue }
            if let pause = state.pauseMilliseconds {
                checkWindow(pause, limit, state.path.member("pause"), "\(subject)the pause", "the deadline")
            }
            for entry in state.retry where isOwn {
                guard let name = entry.policy, case let within?? = windows[name.value] else { continue }
                checkWindow(within, limit, name.path, "\(subject)retry policy \"\(name.value)\"", "its deadline")
            }
        }
    }

    private mutating func checkWindow(
        _ window: Int64, _ limit: Int64, _ path: DefinitionPath, _ subject: String, _ around: String
    ) {
        guard window > limit else { return }
        report(
            .windowBeyondDeadline, path, .value,
            "\(subject) may take \(DurationText.text(window)), but \(around) is \(DurationText.text(limit))",
            hint: "shorten the one or lengthen the other")
    }
}
