import EventStore
import WorkflowCore

/// Rows 8, 11 and 12: the call that makes the thing is refused, or leads elsewhere.
enum Creates {
    /// Words with which platforms name a limit or a plan; and those that cannot mean a limit of requests or of time.
    private static let limitWords = ["limit", "maximum", "quota", "plan", "upgrade", "license"]
    private static let oneClientWords = ["only one", "one client per", "per organi", "already has a"]
    private static let rateWords = [
        "at a time", "concurren", "simultan", "in progress", "per second", "per minute", "per hour",
        "too many requests",
        "rate limit", "try again", "retry",
    ]

    /// Row 8.
    @Sendable static func declaredLimit(_ evidence: Evidence) -> Verdict? {
        guard let last = evidence.run.lastCreate, last.end == .notDone, let status = last.status,
            [402, 409, 422].contains(status)
        else { return nil }
        let words = (last.text ?? "").lowercased()
        // A limit of requests is over when they are.
        guard !rateWords.contains(where: words.contains) else { return nil }
        let namesOne = oneClientWords.contains(where: words.contains)
        let namesLimit = namesOne || limitWords.contains(where: words.contains)
        let other = evidence.older.first { $0.run.status != .released }
        guard namesLimit || status == 402 else { return nil }
        let code = VerdictCode.singleClientDeclared
        let isSettled = namesOne && other != nil
        var supporting = [evidence.item("the platform's words: \(status) \(last.text ?? "")", [last])]
        if let other, let key = other.key {
            supporting.append(
                Verdict.Item(
                    "the organisation has the client of \(other.run.key)", run: other.run.id, events: [key.seq]))
        }
        let quote = last.text.map { ": \($0)" } ?? ""
        return Verdict(
            code, isSettled ? .settled : .likely, rivals: isSettled ? [] : [.refused],
            "The platform says that it makes no further client (\(status)\(quote)).",
            supporting: supporting,
            missing: isSettled
                ? [] : [Verdict.Item("another client of this organisation: Turnup knows only those that it made")],
            action: Verdict.Action(
                "\(Commands.ways) gets round it; or ask the platform for another plan.",
                evidence.commands(code).anotherWay))
    }

    /// Row 11: the credential that no run was given is refused, for all.
    @Sendable static func masterSecret(_ evidence: Evidence) -> Verdict? {
        guard let last = evidence.run.lastCreate, last.isCredentialRefusal, let used = last.used.first else {
            return nil
        }
        // A credential that this run was given is a key; its refusal is another matter.
        guard evidence.run.key?.name != used.name else { return nil }
        let same = evidence.fleet.last(since: last.at.advanced(byMilliseconds: -86_400_000)) {
            $0.status == last.status && $0.credential == used.name && $0.fingerprint == used.fingerprint
                && $0.state == last.state && $0.type == EventType.attemptNotDone.rawValue
        }
        let others = same.filter { $0.run != evidence.run.run.id }
        let organisations = same.organisations.union([evidence.run.run.organisation])
        let lastMade = evidence.fleet.runs.compactMap(\.keySealedAt).max()
        let firstRefused = same.compactMap(\.last?.at).min().map { min($0, last.at) } ?? last.at
        let isMadeSince = lastMade.map { $0 > firstRefused } ?? false
        guard !isMadeSince || organisations.count == 1 else { return nil }
        let code = VerdictCode.masterSecretRefused
        // A 403 may also mean that they may not, whatever the credential is.
        // And what worked before may be refused for a while only.
        let isLong = last.at.milliseconds(since: firstRefused) >= 3_600_000
        let isSettled = last.status == 401 && organisations.count >= 2 && !isMadeSince && (lastMade == nil || isLong)
        if isMadeSince {
            return Verdict(
                .refused, .likely, rivals: [.masterSecretRefused],
                "The platform refuses create for \(evidence.run.run.organisation) (\(last.ending)), and makes others.",
                supporting: [evidence.item("refused with \(used.name) \(used.fingerprint)", [last])],
                contradicting: [Verdict.Item("a client was made for another run after that")],
                action: Verdict.Action("Read the platform's words.", [evidence.commands(code).history]))
        }
        var supporting = [evidence.item("create refused with \(used.name) \(used.fingerprint): \(last.ending)", [last])]
        if let one = others.last {
            supporting.append(
                Verdict.Item(
                    "\(others.count) more run(s), in all \(organisations.count) organisation(s), and no create since was answered with a yes",
                    run: one.run, events: one.last.map { [$0.seq] } ?? []))
        }
        return Verdict(
            code, isSettled ? .settled : .likely, rivals: isSettled ? [] : [.refused],
            "The platform refuses \(used.name), the credential that Turnup creates with (\(last.ending)): "
                + (lastMade == nil ? "it never worked here." : "creates were accepted before."),
            supporting: supporting,
            missing: isSettled
                ? []
                : [
                    Verdict.Item(
                        organisations.count < 2
                            ? "the same of another organisation: it may be refused for this one alone"
                            : "an hour of 401: the platform may be ill, or forbid it")
                ],
            probe: Verdict.NextProbe(.sameCallLater, "Any create of another organisation tells."),
            action: Verdict.Action(
                "Set the right value; the refused create has made nothing.",
                ["turnup secret set \(used.name)"] + evidence.commands(code).tryAgain))
    }

    /// Row 12: what answers is not the platform's API.
    @Sendable static func wrongTarget(_ evidence: Evidence) -> Verdict? {
        guard let last = evidence.run.lastCall, last.end != .done else { return nil }
        let isPage = last.contentType?.lowercased().hasPrefix("text/html") == true && (last.status ?? 0) < 500
        guard last.status == 404 || isPage else { return nil }
        let worked = evidence.siblings.contains { other in
            other.attempts.contains { $0.request == last.request && $0.end == .done }
        }
        let hasEverWorked =
            worked
            || (last.state == evidence.run.lastCreate?.state && evidence.fleet.runs.contains { $0.keySealedAt != nil })
        let service = last.service ?? "NAME"
        return Verdict(
            hasEverWorked ? .undecided : .wrongTarget, hasEverWorked ? .open : .likely,
            rivals: hasEverWorked ? [.wrongTarget, .refused] : [.refused],
            hasEverWorked
                ? "Open between a wrong base URL and a thing that is not there: \(last.ending) at a call that has worked before."
                : "The base URL of \(service) probably leads to something else: \(last.ending)\(isPage ? ", a page" : "").",
            supporting: [evidence.item("\(last.ending)\(isPage ? " with a page of HTML" : "")", [last])],
            contradicting: hasEverWorked ? [Verdict.Item("the same call has worked before for another run")] : [],
            missing: [Verdict.Item("whether the base URL was changed since: turnup service show \(service)")],
            probe: Verdict.NextProbe(.health, "Look what is there: turnup service check \(service)"),
            action: Verdict.Action("Compare the base URL with the platform's.", ["turnup service show \(service)"]))
    }
}
