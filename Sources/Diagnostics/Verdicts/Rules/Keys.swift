import EventStore
import WorkflowCore

/// Rows 1, 10, 15 and 16: a key that was accepted at some time.
enum Keys {
    /// Nobody else's credential changed between these two requests.
    private static func isSameBeside(_ key: KeyFact, _ one: AttemptFact, _ other: AttemptFact) -> Bool {
        func beside(_ attempt: AttemptFact) -> Set<String> {
            Set(attempt.used.filter { $0.name != key.name }.map { "\($0.name) \($0.fingerprint)" })
        }
        return beside(one) == beside(other)
    }

    /// Runs whose key had worked and was refused in this time, and those accepted in it.
    private static func others(_ evidence: Evidence, from start: Instant, to end: Instant) -> (
        refused: [Verdict.Item], accepted: [Verdict.Item]
    ) {
        var refused: [Verdict.Item] = []
        var accepted: [Verdict.Item] = []
        for other in evidence.siblings {
            if let no = other.refusals.first(where: { $0.at >= start && $0.at <= end }),
                other.acceptances.contains(where: { $0.at < no.at })
            {
                refused.append(
                    evidence.item("the key of \(other.run.key), which had worked, was refused too", [no], of: other))
            }
            if let yes = other.acceptances.first(where: { $0.at >= start && $0.at <= end }) {
                accepted.append(evidence.item("the key of \(other.run.key) was accepted meanwhile", [yes], of: other))
            }
        }
        let known = Set(evidence.siblings.map(\.run.id) + [evidence.run.run.id])
        for other in evidence.fleet.runs where !known.contains(other.run) {
            if let no = other.lastRefusedAt, no >= start, no <= end, let first = other.firstAcceptedAt, first < no {
                refused.append(
                    Verdict.Item("a key of \(other.organisation), which had worked, was refused too", run: other.run))
            }
            if let yes = [other.firstAcceptedAt, other.lastAcceptedAt].compactMap(\.self).first(where: {
                $0 >= start && $0 <= end
            }) {
                accepted.append(
                    Verdict.Item(
                        "a key of \(other.organisation) was accepted at \(ClockText.timestamp(yes))", run: other.run))
            }
        }
        return (refused, accepted)
    }

    /// Row 16: yes, no and yes again within a minute.
    @Sendable static func replicaLag(_ evidence: Evidence) -> Verdict? {
        let uses = evidence.run.uses
        for (index, no) in uses.enumerated() where no.isCredentialRefusal && index > 0 && index + 1 < uses.count {
            let (before, after) = (uses[index - 1], uses[index + 1])
            guard before.end == .done, after.end == .done, after.at.milliseconds(since: before.at) <= 60_000 else {
                continue
            }
            return Verdict(
                .replicaLag, .likely, rivals: [.tokenIncident],
                "The platform took the key, refused it and took it again within a minute: its nodes do not agree yet.",
                supporting: [evidence.item("accepted, refused, accepted", [before, no, after])],
                missing: [Verdict.Item("which node answered: the answers do not say")],
                probe: Verdict.NextProbe(.sameCallLater, "The same call some times in a row."),
                action: Verdict.Action("Ask for several successes in a row (stable) in the definition."))
        }
        return nil
    }

    /// Row 1: the same key was refused first, and is accepted since.
    @Sendable static func activated(_ evidence: Evidence) -> Verdict? {
        let uses = evidence.run.uses
        guard let key = evidence.run.key, uses.last?.end == .done,
            let yes = uses.first(where: { $0.end == .done })
        else { return nil }
        let refusals = uses.filter { $0.isRefusal && $0.seq < yes.seq }
        let isAlways = !uses.contains { $0.isRefusal && $0.seq > yes.seq }
        guard let first = refusals.first, let no = refusals.last, isAlways,
            refusals.allSatisfy({ [401, 403, 404].contains($0.status ?? 0) })
        else { return nil }
        let least = no.at.milliseconds(since: key.at)
        let most = yes.at.milliseconds(since: key.at)
        let (refused, accepted) = others(evidence, from: first.at, to: yes.at)
        var supporting = [
            Verdict.Item("the key \(key.fingerprint) came", run: evidence.run.run.id, events: [key.seq]),
            evidence.item(
                "refused \(refusals.count) time(s), last at the age of \(Phrases.span(milliseconds: least))", refusals),
            evidence.item("accepted at the age of \(Phrases.span(milliseconds: most)), the same fingerprint", [yes]),
        ]
        let span = "between \(Phrases.span(milliseconds: least)) and \(Phrases.span(milliseconds: most))"
        // What all keys met at that time is no delay of this one.
        if !refused.isEmpty || !isSameBeside(key, no, yes) {
            let isChanged = !isSameBeside(key, no, yes)
            return Verdict(
                .undecided, .open, rivals: [.activationDelay, isChanged ? .masterSecretRefused : .tokenIncident],
                "The key works now. Open between a late activation and "
                    + (isChanged
                        ? "another credential that changed meanwhile."
                        : "a time in which the platform refused keys that worked."),
                supporting: supporting, contradicting: refused,
                missing: [Verdict.Item("a yes to an older key in that time")])
        }
        supporting += accepted.prefix(2)
        let missing =
            accepted.isEmpty
            ? [Verdict.Item("an older key tried in that time: a short refusal of all keys would look the same")] : []
        return Verdict(
            .activationDelay, .settled,
            "The key activates late: it was refused at first and works since it was \(span) old.",
            supporting: supporting, missing: missing,
            action: evidence.run.run.status == .failed
                ? Verdict.Action("Have it go on.", evidence.commands(.activationDelay).tryAgain)
                : Verdict.Action("Nothing to do."))
    }

    /// Row 10: keys that worked are refused, of several organisations, and none is accepted since.
    @Sendable static func incident(_ evidence: Evidence) -> Verdict? {
        guard let no = evidence.run.uses.last, no.isCredentialRefusal else { return nil }
        let since = no.at.advanced(byMilliseconds: -3_600_000)
        let broken = evidence.fleet.brokenKeys(since: since)
        let organisations = broken.organisations
        guard organisations.count >= 2, let start = broken.compactMap(\.lastAcceptedAt).max(),
            !evidence.isOtherKeyAccepted(after: start)
        else { return nil }
        let isSettled = organisations.count >= 3
        return Verdict(
            .tokenIncident, isSettled ? .settled : .likely, rivals: isSettled ? [] : [.keyRevoked],
            "The platform refuses keys that worked, of \(organisations.count) organisations: it is not this key.",
            supporting: [evidence.item("this run's key is refused (\(no.ending))", [no])]
                + broken.prefix(4).map {
                    Verdict.Item("a key of \($0.organisation) worked, and is refused now", run: $0.run)
                },
            missing: isSettled ? [] : [Verdict.Item("a third organisation")],
            decidedAt: no.nextTryAt,
            probe: Verdict.NextProbe(.olderKey, "Any inspection of a number that worked."),
            action: Verdict.Action(
                "Pause the service until the platform is well; nothing is wrong with the keys.",
                no.service.map { ["turnup service pause \($0) --reason 'diagnosis: token_incident'"] } ?? []))
    }

    /// Row 15; and row 5 as the older number sees it.
    @Sendable static func revoked(_ evidence: Evidence) -> Verdict? {
        let uses = evidence.run.uses
        guard let last = uses.last, last.isCredentialRefusal, let yes = uses.last(where: { $0.end == .done }),
            let no = uses.first(where: { $0.isCredentialRefusal && $0.seq > yes.seq })
        else { return nil }
        let supporting = [
            evidence.item("the key was accepted", [yes]), evidence.item("and is refused since (\(no.ending))", [no]),
        ]
        let command = evidence.commands(.keyRevoked)
        let cause = evidence.siblings.lazy.compactMap { other in
            other.create(after: yes.at, before: no.at).map { (facts: other, create: $0) }
        }.first
        if let (cause, create) = cause {
            return Verdict(
                .keyRotated, .likely, rivals: [.keyRevoked, .tokenIncident],
                "The key works no more since the create for \(cause.run.key), which may have replaced it.",
                supporting: supporting + [
                    Verdict.Item("create for \(cause.run.key) between the two", run: cause.run.id, events: [create.seq])
                ],
                missing: [Verdict.Item("a try between the last yes and that create")],
                probe: Verdict.NextProbe(
                    .olderKey, "The same call again: turnup inspect \(evidence.run.run.id) --wait"),
                action: Verdict.Action(
                    "Start no further create for this organisation.", ["turnup diagnose \(cause.run.id)"]))
        }
        let isOtherAccepted = evidence.isOtherKeyAccepted(after: no.at)
        // Refused again after the platform had taken another key: no outage of all keys explains that.
        let isSettled =
            evidence.siblingsAreAll && isOtherAccepted && last.seq > no.seq
            && othersYes(evidence, after: no.at).contains { $0 < last.at }
        guard isOtherAccepted else {
            return Verdict(
                .undecided, .open, rivals: [.keyRevoked, .tokenIncident],
                "The key worked and is refused now. Open between a key that somebody revoked and a platform that refuses all keys.",
                supporting: supporting, missing: [Verdict.Item("a yes to any other key after that refusal")],
                probe: Verdict.NextProbe(.olderKey, "Inspect another number: turnup inspect RUN --wait"),
                action: Verdict.Action("Look at another number first.", command.tryAgain))
        }
        return Verdict(
            .keyRevoked, isSettled ? .settled : .likely, rivals: isSettled ? [] : [.tokenIncident],
            "The key worked and is refused now, while others work: it was revoked or replaced outside of Turnup.",
            supporting: supporting,
            missing: isSettled ? [] : [Verdict.Item("a second refusal, after the other key's yes")],
            probe: Verdict.NextProbe(.sameCallLater, "The same call once more."),
            action: Verdict.Action("Give the number a new key; do not make it anew unasked.", command.tryAgain))
    }

    private static func othersYes(_ evidence: Evidence, after time: Instant) -> [Instant] {
        let siblings = evidence.siblings.flatMap { $0.acceptances.map(\.at) }
        let fleet = evidence.fleet.runs.filter { $0.run != evidence.run.run.id }.flatMap {
            [$0.firstAcceptedAt, $0.lastAcceptedAt].compactMap(\.self)
        }
        return (siblings + fleet).filter { $0 > time }
    }
}
