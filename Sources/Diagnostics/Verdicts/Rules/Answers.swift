import EventStore
import WorkflowCore

/// Rows 17 to 21 and 23: what the newest answer says by itself. These verdicts claim no more than it says.
enum Answers {
    private static func last(_ evidence: Evidence, stillStands: Bool = true) -> AttemptFact? {
        guard let last = evidence.run.lastCall else { return nil }
        if stillStands, evidence.run.run.status == .succeeded, last.purpose == .call { return nil }
        return last
    }

    /// How many runs met the same lately, and of how many organisations.
    private static func spread(_ evidence: Evidence, _ last: AttemptFact) -> (organisations: Int, item: Verdict.Item?) {
        let since = last.at.advanced(byMilliseconds: -3_600_000)
        let same = evidence.fleet.last(since: since) { $0.error == last.error && $0.status == last.status }
        let others = same.filter { $0.run != evidence.run.run.id }
        guard let one = others.last else { return (1, nil) }
        let organisations = same.organisations.union([evidence.run.run.organisation]).count
        return (
            organisations,
            Verdict.Item(
                "\(others.count) more run(s) stand at the same, in all of \(organisations) organisation(s)",
                run: one.run,
                events: one.last.map { [$0.seq] } ?? [])
        )
    }

    /// Row 17.
    @Sendable static func rateLimited(_ evidence: Evidence) -> Verdict? {
        guard let last = last(evidence), last.status == 429, last.end != .done else { return nil }
        return Verdict(
            .rateLimited, .settled, "The platform asks to slow down (429). It says nothing of the key.",
            supporting: [evidence.item("429\(last.text.map { " \($0)" } ?? "")", [last])], decidedAt: last.nextTryAt,
            probe: Verdict.NextProbe(
                .sameCallLater, "The same call, when the platform's time is over; a worker does it."),
            action: Verdict.Action(
                "Set a limit below the platform's, so that it need not say it.",
                last.service.map { ["turnup service show \($0)"] } ?? []))
    }

    /// Row 18: a call that is not harmless to repeat, and whose answer nobody has.
    @Sendable static func outcomeUnknown(_ evidence: Evidence) -> Verdict? {
        guard let hold = evidence.run.hold, hold.code == "unknown_outcome", hold.heldBy == nil,
            let lost = evidence.run.attempts.last(where: { $0.end == .unknown })
        else { return nil }
        let isWhole = lost.status != nil && lost.error == "bad_answer"
        let (organisations, more) = spread(evidence, lost)
        return Verdict(
            .outcomeUnknown, .settled,
            isWhole
                ? "Nobody knows what \(lost.request ?? "the call") made: the answer came, without what the definition takes "
                    + "from it (\(lost.ending))."
                : "Nobody knows whether \(lost.request ?? "the call") worked: \(lost.ending), and the request had left.",
            supporting: [
                evidence.item(
                    isWhole ? "the answer (\(lost.detail ?? lost.ending))" : "the answer was lost (\(lost.ending))",
                    [lost])
            ] + [more].compactMap(\.self),
            missing: [Verdict.Item("what the platform has: Turnup's log cannot show it")],
            probe: Verdict.NextProbe(.listSessions, "Look at the platform whether the thing is there."),
            action: Verdict.Action(
                organisations > 1 && !isWhole
                    ? "Others met the same: wait until the platform is back, look there, then decide."
                    : "Look at the platform, then decide; it is never sent again unasked.",
                ["turnup show \(evidence.run.run.id)"]))
    }

    /// Row 19: no byte left, so nothing can have happened.
    @Sendable static func unreachable(_ evidence: Evidence) -> Verdict? {
        guard let last = last(evidence), last.end == .notDone, last.error == "unreachable", last.status == nil else {
            return nil
        }
        let (organisations, more) = spread(evidence, last)
        let whose = organisations > 1 ? "" : " Whether others meet it too is not known yet."
        return Verdict(
            .unreachable, .settled,
            "The platform was not reached (\(last.detail ?? "no connection")); nothing was sent.\(whose)",
            supporting: [evidence.item("no request left", [last])] + [more].compactMap(\.self),
            missing: [
                Verdict.Item("whether other workers reach it: the log names the worker, not the network's fault")
            ],
            decidedAt: last.nextTryAt,
            probe: Verdict.NextProbe(.health, "Look from here: turnup service check \(last.service ?? "NAME")"),
            action: Verdict.Action(
                "Repeating is safe, and workers do it. Look at DNS, the address, the certificate and the base URL.",
                last.service.map { ["turnup service check \($0)"] } ?? []))
    }

    /// Row 20: no answer, at once, for this key alone.
    @Sendable static func hangsUp(_ evidence: Evidence) -> Verdict? {
        let facts = evidence.run
        guard let key = facts.key, let last = last(evidence), last.used(key), last.error == "connection_lost" else {
            return nil
        }
        let inARow = facts.uses.reversed().prefix {
            $0.error == "connection_lost" && ($0.totalMilliseconds ?? .max) < 1000
        }
        guard inARow.count >= 3, let first = inARow.last,
            evidence.isOtherKeyAccepted(after: first.at)
        else { return nil }
        return Verdict(
            .hangsUp, .likely, rivals: [.platformFailing],
            "The platform hangs up at once on this key, and answers others: it may refuse the key that way.",
            supporting: [evidence.item("\(inARow.count) times in a row, each within a second", inARow.reversed())],
            missing: [Verdict.Item("a random key's answer at the same call")],
            probe: Verdict.NextProbe(
                .randomKey, "The same call with a random key: if it hangs up too, this is a refusal."),
            action: Verdict.Action("Treat it as a refused key, not as an outage.", evidence.commands(.hangsUp).tryAgain)
        )
    }

    /// Row 21: the platform says yes, and the answer does not hold what the definition takes from it.
    @Sendable static func unexpected(_ evidence: Evidence) -> Verdict? {
        guard let last = last(evidence), last.end != .done, last.error == "bad_answer",
            let status = last.status, (200...299).contains(status)
        else { return nil }
        let isPage = last.contentType?.lowercased().hasPrefix("text/html") == true
        if isPage { return nil }
        let before = evidence.siblings.contains { other in
            other.attempts.contains { $0.request == last.request && $0.end == .done }
        }
        return Verdict(
            .unexpectedAnswer, .settled,
            "The platform answered \(status), but not with what the definition expects: \(last.detail ?? "see the history").",
            supporting: [evidence.item("\(last.ending)", [last])],
            missing: [
                Verdict.Item(
                    before
                        ? "when the platform changed: the same call was read well before"
                        : "a good answer to this call: the definition may be wrong")
            ],
            action: Verdict.Action(
                "Compare the answer with the definition's save; the call may have worked.",
                ["turnup history \(evidence.run.run.id) --json"]))
    }

    /// The platform answers 5xx, or not in time; and the call may be sent again.
    @Sendable static func failing(_ evidence: Evidence) -> Verdict? {
        guard let last = last(evidence), last.end == .unknown, evidence.run.hold == nil else { return nil }
        guard last.status.map({ $0 >= 500 || $0 == 408 }) ?? ["timeout", "connection_lost"].contains(last.error) else {
            return nil
        }
        let (organisations, more) = spread(evidence, last)
        let isSettled = organisations > 1
        return Verdict(
            .platformFailing, isSettled ? .settled : .likely, rivals: isSettled ? [] : [.refused],
            "The platform fails at \(last.request ?? last.state): \(last.ending). It says nothing of the key.",
            supporting: [evidence.item(last.ending, [last])] + [more].compactMap(\.self),
            missing: isSettled
                ? [] : [Verdict.Item("the same of another organisation's run: it may be this run alone")],
            decidedAt: last.nextTryAt,
            probe: Verdict.NextProbe(.sameCallLater, "The same call later; a worker does it."),
            action: Verdict.Action(
                "Wait; the run goes on by itself while its window lasts.", ["turnup show \(evidence.run.run.id)"]))
    }

    /// Row 23: complete look-ups did not find it; `inspect` asks twice before it says so.
    @Sendable static func gone(_ evidence: Evidence) -> Verdict? {
        guard evidence.run.run.inspection == .drifted, let seen = evidence.run.inspections.last,
            seen.verdict == "drifted", seen.why?.contains("look-ups found nothing") == true
        else { return nil }
        return Verdict(
            .gone, .settled, "The thing is gone from the platform's complete list (\(seen.why ?? "")).",
            supporting: [Verdict.Item("inspected: drifted", run: evidence.run.run.id, events: [seen.seq])],
            missing: [Verdict.Item("who deleted it: only the platform knows")],
            action: Verdict.Action(
                "Make it anew, or let its key go.",
                ["turnup redo \(evidence.run.run.id) --reason 'diagnosis: gone'"]))
    }
}
