import EventStore
import WorkflowCore

/// Rows 3, 4, 5, 6 and 9: whose key is it? Fingerprints answer that, whatever the platform does with the key.
enum SharedKeys {
    /// The key, where it is one: a secret that some call sends. What is only kept may be the same for everybody.
    private static func key(_ evidence: Evidence) -> KeyFact? {
        guard let key = evidence.run.key else { return nil }
        let isSent =
            !evidence.run.uses.isEmpty
            || evidence.siblings.contains { $0.key?.name == key.name && !$0.uses.isEmpty }
            || evidence.fleet.runs.contains { $0.firstAcceptedAt != nil || $0.lastRefusedAt != nil }
        return isSent ? key : nil
    }

    /// Row 6. Equal in all 32 bytes, so it is the same key.
    @Sendable static func crossTenant(_ evidence: Evidence) -> Verdict? {
        guard let key = key(evidence) else { return nil }
        let organisation = evidence.run.run.organisation
        guard let other = evidence.sameKey.first(where: { $0.organisation != organisation }) else { return nil }
        let code = VerdictCode.crossTenantKey
        // What was never accepted may be no key at all, such as a word that stands for one that comes later.
        let isKey =
            !evidence.run.acceptances.isEmpty
            || evidence.fleet.runs.contains { $0.run == other.run && $0.firstAcceptedAt != nil }
        return Verdict(
            code, isKey ? .settled : .likely, rivals: isKey ? [] : [.unexpectedAnswer],
            "The platform gave organisations \(organisation) and \(other.organisation) the same key (\(key.fingerprint)).",
            supporting: [
                Verdict.Item("this run's key \(key.fingerprint)", run: evidence.run.run.id, events: [key.seq]),
                Verdict.Item("the same key went to \(other.key) of \(other.organisation)", run: other.run),
            ],
            missing: isKey ? [] : [Verdict.Item("a yes to that key: it may be no key at all")],
            action: Verdict.Action(
                "Stop, and call the platform's people: one organisation may act for the other.",
                evidence.commands(code).stop))
    }

    /// Rows 3 and 4. A run of the same number may rightly be answered with the same client.
    @Sendable static func oldClient(_ evidence: Evidence) -> Verdict? {
        guard let key = key(evidence) else { return nil }
        let run = evidence.run.run
        let earlier = evidence.sameKey.first {
            $0.organisation == run.organisation && $0.key != run.key && $0.sealedAt <= key.at && $0.run != run.id
        }
        guard let earlier else { return nil }
        var supporting = [
            Verdict.Item("create answered with key \(key.fingerprint)", run: run.id, events: [key.seq]),
            Verdict.Item(
                "\(earlier.key) was given the same key before", run: earlier.run,
                events: evidence.sibling(earlier.run)?.key.map { [$0.seq] } ?? []),
        ]
        if let hold = evidence.run.hold, hold.heldBy == earlier.run {
            supporting.append(Verdict.Item("the session is that run's, too", run: run.id, events: [hold.seq]))
        }
        let refused = deadKey(evidence, key, earlier.run)
        let code: VerdictCode = refused == nil ? .oldClientReturned : .oldClientKeyDead
        if let refused { supporting.append(refused) }
        let dead = refused == nil ? "" : ", and that key is refused now"
        return Verdict(
            code, .settled,
            "The platform returned the client of \(earlier.key) instead of making one for \(run.key)\(dead).",
            supporting: supporting,
            action: Verdict.Action(
                "Do not send create again. \(Commands.ways) gets round it"
                    + (refused == nil ? "." : "; \(earlier.key) has lost its key and must be looked at first."),
                evidence.commands(code).anotherWay))
    }

    /// Row 4: the shared key worked once and is refused since our create, while the platform accepts others.
    private static func deadKey(_ evidence: Evidence, _ key: KeyFact, _ earlier: Identifier) -> Verdict.Item? {
        guard let other = evidence.sibling(earlier), let accepted = other.acceptances.last,
            accepted.at < key.at
        else { return nil }
        let mine = evidence.run.refusals.map { (evidence.run, $0) }
        let theirs = other.refusals.filter { $0.at > key.at }.map { (other, $0) }
        guard let (facts, refusal) = (mine + theirs).max(by: { $0.1.at < $1.1.at }),
            evidence.fleet.runs.contains(where: {
                $0.run != other.run.id && $0.run != evidence.run.run.id
                    && ($0.lastAcceptedAt.map { $0 > refusal.at } ?? false)
            })
        else { return nil }
        return evidence.item("that key worked, and has been refused since (\(refusal.ending))", [refusal], of: facts)
    }

    /// Row 5: an older key of the organisation was accepted before this create and refused after it.
    @Sendable static func rotated(_ evidence: Evidence) -> Verdict? {
        guard let key = evidence.run.key else { return nil }
        for other in evidence.older {
            guard let theirs = other.key, theirs.fingerprint != key.fingerprint,
                let accepted = other.acceptances.last(where: { $0.at < key.at }),
                let refused = other.refusals.first(where: { $0.at > key.at }),
                !other.acceptances.contains(where: { $0.at > refused.at })
            else { continue }
            // Another create between the two might as well be the cause; then the first one after the yes is.
            let between = evidence.siblings.contains {
                $0.run.id != other.run.id && $0.create(after: accepted.at, before: refused.at) != nil
            }
            guard !between else { continue }
            let code = VerdictCode.keyRotated
            let isSameSession = evidence.run.hold?.heldBy == other.run.id
            let othersFine = evidence.fleet.runs.contains {
                $0.organisation != other.run.organisation && ($0.lastAcceptedAt.map { $0 > refused.at } ?? false)
            }
            var supporting = [
                evidence.item("the key of \(other.run.key) was accepted before this create", [accepted], of: other),
                Verdict.Item("create gave a new key \(key.fingerprint)", run: evidence.run.run.id, events: [key.seq]),
                evidence.item("the older key is refused since (\(refused.ending))", [refused], of: other),
            ]
            if isSameSession, let hold = evidence.run.hold {
                supporting.append(
                    Verdict.Item("the new key is for the same session", run: evidence.run.run.id, events: [hold.seq]))
            }
            let isSettled = isSameSession && othersFine && evidence.siblingsAreAll
            let missing = [Verdict.Item("a yes to another organisation's key after that refusal")]
            if !isSettled, let mine = evidence.run.refusals.last {
                return Verdict(
                    .undecided, .open, rivals: [.keyRotated, .tokenIncident],
                    "The new key and the key of \(other.run.key) are both refused. Open between a create that replaced the "
                        + "older key and a platform that refuses all keys.",
                    supporting: supporting + [evidence.item("the new key is refused, too (\(mine.ending))", [mine])],
                    missing: missing,
                    probe: Verdict.NextProbe(
                        .olderKey, "Ask with a key of another organisation: turnup inspect RUN --wait"),
                    action: Verdict.Action(
                        "Start no further create until that is known.", [evidence.commands(code).history]))
            }
            return Verdict(
                code, isSettled ? .settled : .likely, rivals: isSettled ? [] : [.keyRevoked, .tokenIncident],
                "The create for \(evidence.run.run.key) replaced the key of \(other.run.key), which is refused since.",
                supporting: supporting,
                missing: isSettled ? [] : missing,
                probe: Verdict.NextProbe(.olderKey, "Ask once more with the key of \(other.run.key)."),
                action: Verdict.Action(
                    "Start no further create for \(evidence.run.run.organisation); \(other.run.key) needs the new key.",
                    evidence.commands(code).stop + ["turnup inspect \(other.run.id) --wait"]))
        }
        return nil
    }

    /// Row 9: a new key, and a session that another run of the organisation has.
    @Sendable static func sessionReused(_ evidence: Evidence) -> Verdict? {
        guard let key = evidence.run.key, let hold = evidence.run.hold, let owner = hold.heldBy,
            let other = evidence.sibling(owner), let theirs = other.key, theirs.fingerprint != key.fingerprint,
            other.run.key != evidence.run.run.key
        else { return nil }
        let code = VerdictCode.sessionReused
        return Verdict(
            code, .settled,
            "The platform gave \(evidence.run.run.key) a new key for the session of \(other.run.key): it made no client.",
            supporting: [
                Verdict.Item("new key \(key.fingerprint)", run: evidence.run.run.id, events: [key.seq]),
                Verdict.Item("its session belongs to \(other.run.key)", run: evidence.run.run.id, events: [hold.seq]),
                Verdict.Item("that run's key is \(theirs.fingerprint)", run: other.run.id, events: [theirs.seq]),
            ],
            missing: [Verdict.Item("whether the older key still works since")],
            probe: Verdict.NextProbe(
                .olderKey, "Ask with the key of \(other.run.key): turnup inspect \(other.run.id) --wait"),
            action: Verdict.Action(
                "Do not send create again. \(Commands.ways) gets round it.", evidence.commands(code).anotherWay))
    }
}
