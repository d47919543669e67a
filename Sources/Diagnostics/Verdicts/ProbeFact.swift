import EventStore
public import WorkflowCore

/// What a probe told: a request that a person had sent to learn more of a run.
public struct ProbeFact: Sendable, Equatable {
    public let name: String
    public let credential: ProbeDefinition.Credential
    /// Whose key was sent in place of the run's own.
    public let ofRun: Identifier?
    public let attempt: AttemptFact

    /// Nil: the attempt is the run's own.
    init?(_ attempt: AttemptFact, intent: RecordedEvent?) {
        guard attempt.purpose == .probe, let body = intent?.body, let name = body["probe"]?.stringValue,
            let credential = body["credential"]?.stringValue.flatMap(ProbeDefinition.Credential.init)
        else { return nil }
        self.name = name
        self.credential = credential
        ofRun = body["of_run"]?.stringValue.flatMap { Identifier($0) }
        self.attempt = attempt
    }
}

extension AttemptFact {
    /// The same request as one that carried the key of another run, which it did.
    func carrying(_ key: KeyFact, from run: Identifier) -> AttemptFact? {
        guard used.contains(where: { $0.fingerprint == key.fingerprint }) else { return nil }
        var attempt = self
        attempt.stream = run
        attempt.used = [Credential(name: key.name, fingerprint: key.fingerprint, ageMilliseconds: nil)]
        return attempt
    }

    /// The platform said the same, in the same words.
    func isSameRefusal(as other: AttemptFact) -> Bool {
        status == other.status && error == other.error && text == other.text
    }
}

extension Evidence {
    /// The newest answer to a key that was made up, since this run's key came.
    var madeUpKey: AttemptFact? {
        run.probes.last { probe in
            let isAnswered = probe.attempt.isRefusal || probe.attempt.end == .done
            return probe.credential == .random && isAnswered && (run.key.map { probe.attempt.at > $0.at } ?? true)
        }?.attempt
    }

    /// The platform refuses keys that nobody has, so that a yes to a key means something.
    var refusesMadeUpKeys: Bool { madeUpKey?.isRefusal == true }

    /// Runs whose key a probe may send in place of this run's: the best first, which works and is another key than ours.
    public func olderKeys(for probe: ProbeDefinition) -> [RunFacts] {
        let able = older.filter { $0.key?.name == probe.key && $0.calls(probe.call.service) }.reversed()
        let working = Set(self.working.map(\.run.id))
        func rank(_ facts: RunFacts) -> Int {
            (facts.key?.fingerprint == run.key?.fingerprint ? 2 : 0) + (working.contains(facts.run.id) ? 0 : 1)
        }
        return (0...3).flatMap { place in able.filter { rank($0) == place } }
    }

    /// The verdict, whose next probe is one that the run's own definition declares, with the command that sends it.
    func naming(_ verdict: Verdict) -> Verdict {
        guard let next = verdict.probe, let declared = declared(next.probe) else { return verdict }
        let today = run.probesAskedAt.count { now.milliseconds(since: $0) < 86_400_000 }
        guard today < ProbeDefinition.mostOfRun else { return verdict }
        var named = verdict
        let whose = declared.credential == .older ? olderKeys(for: declared).first : nil
        named.probe = Verdict.NextProbe(
            next.probe, whose.map { "The same call with the older key of \($0.run.key)." } ?? next.text,
            declared: declared.name, command: "turnup diagnose \(run.run.id) --probe \(ShellWord.quoted(declared.name))"
        )
        return named
    }

    private func declared(_ probe: Verdict.Probe) -> ProbeDefinition? {
        let credential: ProbeDefinition.Credential? =
            switch probe {
            case .sameCallLater: .current
            case .olderKey: .older
            case .randomKey: .random
            case .compareFingerprints, .listSessions, .health, .throwaway: nil
            }
        guard run.key != nil || credential == .current else { return nil }
        return probes.first { $0.credential == credential && ($0.credential != .older || !olderKeys(for: $0).isEmpty) }
    }
}

extension Evidence {
    /// What probes told of the keys of others is put with what their own runs show.
    static func lending(_ run: RunFacts, to siblings: [RunFacts]) -> [RunFacts] {
        let lent = ([run] + siblings).flatMap { facts in facts.probes.map { (from: facts.run.id, probe: $0) } }
        guard lent.contains(where: { $0.probe.ofRun != nil }) else { return siblings }
        return siblings.map { sibling in
            guard let key = sibling.key else { return sibling }
            var facts = sibling
            facts.lent = lent.compactMap { from, probe in
                probe.ofRun == sibling.run.id ? probe.attempt.carrying(key, from: from) : nil
            }
            return facts
        }
    }

    static func noting(_ siblings: [RunFacts], in fleet: [FleetRun]) -> [FleetRun] {
        let lent = Dictionary(
            siblings.filter { !$0.lent.isEmpty }.map { ($0.run.id, $0.lent) }, uniquingKeysWith: { first, _ in first })
        return lent.isEmpty ? fleet : fleet.map { row in lent[row.run].map { row.noting($0) } ?? row }
    }
}

extension FleetRun {
    /// The same row, once these answers to its key are known, too.
    fileprivate func noting(_ attempts: [AttemptFact]) -> FleetRun {
        let yes = attempts.filter { $0.end == .done }.map(\.at) + [lastAcceptedAt].compactMap(\.self)
        let no = attempts.filter(\.isRefusal).map(\.at) + [lastRefusedAt].compactMap(\.self)
        return FleetRun(
            run: run, organisation: organisation, key: key, status: status, keySealedAt: keySealedAt,
            hasEarlierKey: hasEarlierKey, hasEarlierSuccess: hasEarlierSuccess,
            firstAcceptedAt: firstAcceptedAt ?? yes.min(), lastAcceptedAt: yes.max(), refusedBeforeAt: refusedBeforeAt,
            lastRefusedAt: no.max(), last: last)
    }
}
