import EventStore
import WorkflowCore

/// Rows 13 and 14: the key gives a token, and the token is refused.
enum Tokens {
    /// The newest refusal of a credential that another call of this run had answered, and what that call was.
    private static func refusal(_ evidence: Evidence) -> (AttemptFact, AttemptFact.Credential, issued: AttemptFact)? {
        let facts = evidence.run
        guard let last = facts.lastCall, last.status == 401, last.end == .notDone else { return nil }
        for used in last.used where used.name != facts.key?.name {
            let issued = facts.attempts.last { attempt in
                attempt.end == .done && attempt.seq < last.seq
                    && (attempt.sealed + attempt.returned).contains {
                        $0.name == used.name && $0.fingerprint == used.fingerprint
                    }
            }
            if let issued { return (last, used, issued) }
        }
        return nil
    }

    /// Row 13: refused at its first use, and the clocks differ by more than five seconds.
    @Sendable static func clockSkew(_ evidence: Evidence) -> Verdict? {
        guard let (last, used, issued) = refusal(evidence),
            let skew = last.clockDifferenceMilliseconds ?? issued.clockDifferenceMilliseconds, abs(skew) > 5000,
            !evidence.run.attempts.contains(where: { attempt in
                attempt.end == .done
                    && attempt.used.contains { $0.name == used.name && $0.fingerprint == used.fingerprint }
            })
        else { return nil }
        return Verdict(
            .clockSkew, .likely, rivals: [.refused],
            "A new \(used.name) is refused, and the platform's clock is \(Phrases.span(milliseconds: abs(skew))) "
                + (skew > 0 ? "ahead of ours." : "behind ours."),
            supporting: [
                evidence.item("\(used.name) \(used.fingerprint) was issued", [issued]),
                evidence.item("and refused at its first use (\(last.ending))", [last]),
            ],
            missing: [Verdict.Item("the same token accepted once that time has passed")], decidedAt: last.nextTryAt,
            probe: Verdict.NextProbe(.health, "Compare the platform's Date with a good clock."),
            action: Verdict.Action(
                "Look at this machine's time (NTP). Create nothing anew.", evidence.commands(.clockSkew).tryAgain))
    }

    /// Row 14: accepted when it was young, refused when it was older.
    @Sendable static func lifetime(_ evidence: Evidence) -> Verdict? {
        guard let (last, used, issued) = refusal(evidence) else { return nil }
        let young = evidence.run.attempts.last { attempt in
            attempt.end == .done && attempt.used.contains { $0.name == used.name && $0.fingerprint == used.fingerprint }
        }
        guard let young else { return nil }
        let age = last.at.milliseconds(since: issued.at)
        return Verdict(
            .lifetimeTooLong, .likely, rivals: [.keyRevoked],
            "\(used.name) worked, and was refused at the age of \(Phrases.span(milliseconds: age)): it ends sooner than assumed.",
            supporting: [
                evidence.item("it was accepted", [young]), evidence.item("and refused later (\(last.ending))", [last]),
            ],
            missing: [Verdict.Item("the same age in another run, and a fresh token accepted after it")],
            probe: Verdict.NextProbe(.sameCallLater, "A fresh token, then the same call."),
            action: Verdict.Action(
                "Ask for a fresh token on 401, and declare its lifetime.", evidence.commands(.lifetimeTooLong).tryAgain)
        )
    }
}
