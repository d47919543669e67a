import EventStore
import WorkflowCore

/// Rows 2 and 7: a new key that was never accepted. A delay and a limit of one client look the same until the key is
/// older than keys become, and the fleet shows first connections that work beside later ones that never do.
struct PendingKey {
    /// How old a key must be, at least, before its age says anything.
    static let budgetMilliseconds: Int64 = 2 * 3_600_000
    /// What the fleet must show for a limit.
    static let fewestRefused = 3
    static let fewestOrganisations = 2

    let evidence: Evidence
    let key: KeyFact
    let last: AttemptFact
    /// At the newest try.
    let age: Int64

    /// Nil: the key was accepted at some time, or nobody has refused it.
    init?(_ evidence: Evidence) {
        guard let key = evidence.run.key, let last = evidence.run.uses.last, last.isRefusal,
            [401, 403, 404].contains(last.status ?? 0), evidence.run.acceptances.isEmpty,
            evidence.run.run.status != .succeeded
        else { return nil }
        self.evidence = evidence
        self.key = key
        self.last = last
        age = last.at.milliseconds(since: key.at)
    }

    /// Past this age late activation is no usual explanation any more.
    var threshold: Int64 {
        max(Self.budgetMilliseconds, evidence.fleet.quantile(0.999) ?? 0, evidence.fleet.longestMilliseconds ?? 0)
    }

    var isFirst: Bool { evidence.older.isEmpty }

    /// Later connections that are refused past the threshold, this one among them.
    var refusedLater: (runs: Int, organisations: Int, examples: [FleetRun]) {
        let found = evidence.fleet.laterRefused(beyondMilliseconds: threshold).filter { $0.run != evidence.run.run.id }
        let isMine = age >= threshold && !evidence.working.isEmpty
        let organisations = found.organisations.union(isMine ? [evidence.run.run.organisation] : [])
        return (found.count + (isMine ? 1 : 0), organisations.count, found)
    }

    var isLimit: Bool {
        let refused = refusedLater
        return age >= threshold && !evidence.working.isEmpty && !evidence.fleet.firstAccepted.isEmpty
            && refused.runs >= Self.fewestRefused && refused.organisations >= Self.fewestOrganisations
            && evidence.fleet.laterAccepted.isEmpty
            && evidence.fleet.firstRefused(beyondMilliseconds: threshold).isEmpty
    }

    /// The key is younger than nearly all keys were when they became active, and later connections are among those.
    var isUsualDelay: Bool {
        guard let usual = evidence.fleet.quantile(0.99), evidence.now.milliseconds(since: key.at) <= usual else {
            return false
        }
        return isFirst || evidence.fleet.laterActivated.count >= Self.fewestRefused
    }

    // MARK: Evidence

    var supporting: [Verdict.Item] {
        var items = [
            Verdict.Item(
                "the key \(key.fingerprint) is new: no other run known here has it", run: evidence.run.run.id,
                events: [key.seq]),
            evidence.item(
                "refused \(evidence.run.refusals.count) time(s), last at the age of \(Phrases.span(milliseconds: age)): "
                    + "\(last.ending)\(last.text.map { " \($0)" } ?? "")", evidence.run.refusals),
        ]
        if let older = evidence.working.last, let yes = older.acceptances.last {
            let isSince = yes.at > key.at
            items.append(
                evidence.item(
                    "the key of \(older.run.key) works\(isSince ? ", also since this create" : ", as of before this create")",
                    [yes], of: older))
        }
        return items + [madeUpKey].compactMap(\.self)
    }

    /// What the platform said to a key that nobody has.
    private var madeUpKey: Verdict.Item? {
        guard let answer = evidence.madeUpKey, answer.isRefusal else { return nil }
        let words = answer.isSameRefusal(as: last) ? "with the same words" : "with other words (\(answer.ending))"
        return evidence.item("a key that is made up is refused \(words)", [answer])
    }

    /// The organisation's older key works since this create, and the platform does refuse keys that it does not know.
    var isControlled: Bool {
        evidence.refusesMadeUpKeys && evidence.working.contains { $0.acceptances.contains { $0.at > key.at } }
    }

    /// What somebody who takes another way now cannot know.
    var unproven: String {
        let open = missing.map(\.text)
        return open.isEmpty ? "" : " Still unproven: \(open.joined(separator: "; "))."
    }

    var contradicting: [Verdict.Item] {
        evidence.fleet.laterAccepted.prefix(2).map {
            Verdict.Item(
                "against a limit: a later number of \($0.organisation) works beside an earlier one", run: $0.run)
        }
            + evidence.fleet.firstRefused(beyondMilliseconds: threshold).prefix(1).map {
                Verdict.Item("against a limit: a first number of \($0.organisation) is refused as long", run: $0.run)
            }
            + [evidence.madeUpKey].compactMap(\.self).filter { $0.end == .done }.map {
                evidence.item("a key that is made up is accepted, so a yes to a key says nothing", [$0])
            }
    }

    var missing: [Verdict.Item] {
        var items: [Verdict.Item] = []
        if age < threshold {
            items.append(
                Verdict.Item(
                    "a try at the age of \(Phrases.span(milliseconds: threshold)) or more: until then a late key looks the same"
                ))
        }
        let activations = evidence.fleet.activations.count
        if activations < Activations.fewest {
            items.append(
                Verdict.Item(
                    "how long keys usually take: \(activations) became active here, \(Activations.fewest) are needed"
                ))
        }
        let refused = refusedLater
        if !isFirst, refused.runs < Self.fewestRefused || refused.organisations < Self.fewestOrganisations {
            items.append(
                Verdict.Item(
                    "later numbers refused that long: \(refused.runs), of \(refused.organisations) organisation(s); "
                        + "\(Self.fewestRefused), of \(Self.fewestOrganisations), are needed (one organisation cannot prove a limit)"
                ))
        }
        if !isFirst, !evidence.working.contains(where: { $0.acceptances.contains { $0.at > key.at } }) {
            items.append(Verdict.Item("whether the organisation's older key still works since this create (P2)"))
        }
        if evidence.madeUpKey == nil {
            items.append(Verdict.Item("whether a random key is refused with the same words (P5)"))
        }
        return items
    }

    /// What a limit needs beside the fleet.
    var control: Verdict.NextProbe {
        evidence.madeUpKey != nil
            ? probe
            : Verdict.NextProbe(
                .randomKey, "The same call with a random key: other words for it would mean that this key is known.")
    }

    var probe: Verdict.NextProbe {
        let stale = evidence.working.last { !$0.acceptances.contains { $0.at > key.at } }
        if let stale {
            return Verdict.NextProbe(
                .olderKey, "Ask with the older key of \(stale.run.key): turnup inspect \(stale.run.id) --wait")
        }
        if evidence.madeUpKey == nil, evidence.probes.contains(where: { $0.credential == .random }) {
            return Verdict.NextProbe(.randomKey, "The same call with a key that is made up.")
        }
        return Verdict.NextProbe(.sameCallLater, "The same call later; a worker does it while the run is live.")
    }

    /// When the age will tell; past it the fleet must.
    var decidedAt: Instant? {
        let time = key.at.advanced(byMilliseconds: threshold)
        return time > evidence.now ? time : nil
    }
}

extension Keys {
    /// Row 7. Settled once the older key was tried since this create, and a made-up one: the table asks for both.
    @Sendable static func singleClient(_ evidence: Evidence) -> Verdict? {
        guard let pending = PendingKey(evidence), pending.isLimit else { return nil }
        let code = VerdictCode.singleClient
        let refused = pending.refusedLater
        let firsts = evidence.fleet.firstAccepted
        return Verdict(
            code, pending.isControlled ? .settled : .likely, rivals: pending.isControlled ? [] : [.activationDelay],
            "The platform \(pending.isControlled ? "" : "probably ")allows one client per organisation: first numbers work, and no later one does, "
                + "\(refused.runs) of \(refused.organisations) organisations at the age of \(Phrases.span(milliseconds: pending.threshold)) and more.",
            supporting: pending.supporting
                + [Verdict.Item("\(firsts.count) first number(s) work", run: firsts.last?.run)]
                + refused.examples.prefix(3).map {
                    Verdict.Item("\($0.key) of \($0.organisation): a later number, refused that long", run: $0.run)
                },
            contradicting: pending.contradicting, missing: pending.missing,
            probe: pending.isControlled ? nil : pending.control,
            action: Verdict.Action(
                "\(Commands.ways) gets round it." + pending.unproven, evidence.commands(code).anotherWay))
    }

    /// Row 2.
    @Sendable static func pending(_ evidence: Evidence) -> Verdict? {
        guard let pending = PendingKey(evidence) else { return nil }
        let live = evidence.run.run.status == .live
        let wait = live ? "Let it wait: the run tries again by itself." : "It has stopped trying."
        let rival: VerdictCode = pending.isFirst ? .tokenIncident : .singleClient
        let age = Phrases.span(milliseconds: pending.age)
        let action = Verdict.Action(
            wait, live ? ["turnup show \(evidence.run.run.id)"] : evidence.commands(.activationDelay).tryAgain)
        if pending.isUsualDelay, let usual = evidence.fleet.quantile(0.99), let half = evidence.fleet.quantile(0.5) {
            return Verdict(
                .activationDelay, .likely, rivals: [rival],
                "The key is probably not active yet: usually it is within \(Phrases.span(milliseconds: half)) (p50), "
                    + "\(Phrases.span(milliseconds: usual)) (p99), of \(evidence.fleet.activations.count).",
                supporting: pending.supporting, contradicting: [], missing: pending.missing,
                decidedAt: pending.key.at.advanced(byMilliseconds: usual), probe: pending.probe, action: action)
        }
        return Verdict(
            .undecided, .open, rivals: [.activationDelay, rival],
            "Open between \"\(VerdictCode.activationDelay.words)\" and \"\(rival.words)\": a new key, refused at the age of \(age).",
            supporting: pending.supporting, contradicting: pending.contradicting, missing: pending.missing,
            decidedAt: pending.decidedAt, probe: pending.probe, action: action)
    }
}
