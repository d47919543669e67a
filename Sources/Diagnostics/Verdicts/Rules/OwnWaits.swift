import EventStore
import WorkflowCore

/// What Turnup knows by itself: the queue, and how the run came to its end.
enum OwnWaits {
    @Sendable static func notSetUp(_ evidence: Evidence) -> Verdict? {
        let run = evidence.run.run
        guard run.status == .live, let reason = run.task?.waitReason ?? evidence.wait?.reason else { return nil }
        let service = run.task?.service ?? "NAME"
        let (what, commands): (String, [String])
        switch reason {
        case .noBaseURL:
            (what, commands) = ("service \(service) has no base URL", ["turnup service set \(service) --base-url URL"])
        case .noSecret: (what, commands) = ("a credential is not set", ["turnup secret list"])
        case .noSuchService: (what, commands) = ("its definition does not declare service \(service)", [])
        case .secretUnreadable: (what, commands) = ("a sealed secret cannot be opened; the worker's log says why", [])
        case .workerError: (what, commands) = ("a worker could not advance it; its log says why", [])
        default: return nil
        }
        return Verdict(
            .notSetUp, .settled, "The run waits because \(what). Nothing was sent.",
            action: Verdict.Action("Set up what is missing; the run goes on by itself.", commands))
    }

    @Sendable static func paused(_ evidence: Evidence) -> Verdict? {
        guard evidence.run.run.status == .live, let reason = evidence.wait?.reason,
            reason == .servicePaused || reason == .serviceTrial, let service = evidence.service
        else { return nil }
        let failures = service.breaker.failuresByRun
        let why = service.breaker.pauseReason.map { ": \($0)" } ?? ""
        return Verdict(
            .servicePaused, .settled, "Service \(service.name) is paused\(why). The run waits, and spends nothing.",
            supporting: failures.prefix(5).map {
                Verdict.Item("\($0.reason) met by organisation \($0.organisation)", run: $0.runId)
            },
            decidedAt: service.breaker.pausedUntil.flatMap { $0 >= Breaker.endless ? nil : $0 },
            probe: Verdict.NextProbe(
                .health, "Look whether the platform answers: turnup service check \(service.name)"),
            action: Verdict.Action(
                "It resumes by itself when a trial is answered; a pause by a person must be ended by one.",
                ["turnup service show \(service.name)"]))
    }

    @Sendable static func limited(_ evidence: Evidence) -> Verdict? {
        guard evidence.run.run.status == .live, let wait = evidence.wait else { return nil }
        switch wait.reason {
        case .concurrencyEach, .concurrencyAll, .rateEach, .rateAll, .liveRuns, .askedToWait: break
        default: return nil
        }
        return Verdict(
            .waitsForLimit, .settled,
            "A limit keeps the run (\(wait.reason.rawValue)); \(min(wait.before, RunWait.most)) of its organisation stand before it.",
            decidedAt: wait.until ?? wait.about,
            action: Verdict.Action("Its turn comes by itself.", ["turnup show \(evidence.run.run.id)"]))
    }

    @Sendable static func ended(_ evidence: Evidence) -> Verdict? {
        let run = evidence.run.run
        guard run.status == .cancelled || run.status == .released, let event = evidence.run.ended else { return nil }
        // A refusal before it is what people ask about.
        if run.status == .cancelled, evidence.run.attempts.last?.end != .done, !evidence.run.attempts.isEmpty {
            return nil
        }
        let left = run.mayBeLeft
        return Verdict(
            left ? .leftBehind : .endedByPerson, .settled,
            "A person ended the run: \(run.reason ?? run.status.rawValue)."
                + (left ? " Something that it made may be left on the platform." : ""),
            supporting: [Verdict.Item("\(run.status.rawValue)", run: run.id, events: [event.seq])],
            action: left ? Verdict.Action("See what it is.", ["turnup show \(run.id)"]) : nil)
    }

    /// The newest request of an inspection, when it did not say that the thing is there.
    private static func untoldInspection(_ facts: RunFacts) -> AttemptFact? {
        guard let last = facts.attempts.last(where: { $0.purpose == .inspect || $0.purpose == .beforeInspect }) else {
            return nil
        }
        let isTold = last.end == .done && facts.run.inspection != .unknown
        return isTold ? nil : last
    }

    /// Nothing went wrong, as far as the log knows.
    @Sendable static func fine(_ evidence: Evidence) -> Verdict? {
        let facts = evidence.run
        if facts.run.status == .succeeded {
            let adopted = facts.attempts.last { !$0.isMade }
            if let adopted {
                return Verdict(
                    .adopted, .settled, "The run succeeded with something that was there before; it did not make it.",
                    supporting: [evidence.item("adopted", [adopted])])
            }
            if let untold = untoldInspection(facts) {
                return Verdict(
                    .works, .likely, rivals: [.undecided],
                    "The run succeeded; the newest inspection did not tell whether it still works (\(untold.ending)).",
                    supporting: facts.acceptances.last.map { [evidence.item("the key was accepted", [$0])] } ?? [],
                    contradicting: [evidence.item("the look was not answered with a yes (\(untold.ending))", [untold])],
                    missing: [Verdict.Item("an inspection that is answered")],
                    decidedAt: untold.nextTryAt,
                    action: Verdict.Action("Have it inspected again.", ["turnup inspect \(facts.run.id) --wait"]))
            }
            return Verdict(
                .works, .settled, "The run succeeded, and nothing was refused since.",
                supporting: facts.acceptances.last.map { [evidence.item("the key was accepted", [$0])] } ?? [])
        }
        guard facts.run.status == .live, facts.attempts.isEmpty || facts.attempts.last?.end == .done else { return nil }
        return Verdict(
            .notTriedYet, .settled,
            facts.attempts.isEmpty
                ? "Nothing was answered yet: the run waits for its first turn."
                : "All that was sent has worked so far.",
            supporting: facts.open.map { [Verdict.Item("under way", run: facts.run.id, events: [$0.seq])] } ?? [],
            action: Verdict.Action("Look again later.", ["turnup show \(facts.run.id)"]))
    }
}

/// When no rule knows: what the log holds, and no guess.
enum Fallback {
    static func verdict(_ evidence: Evidence) -> Verdict {
        let facts = evidence.run
        let last = facts.attempts.last
        if let hold = facts.hold {
            let isThing = hold.heldBy != nil
            return Verdict(
                isThing ? .thingOfAnotherRun : .waitsForPerson, .settled, "The run waits for a person: \(hold.text)",
                supporting: [Verdict.Item("held (\(hold.code))", run: facts.run.id, events: [hold.seq])],
                missing: isThing ? [Verdict.Item("whether the platform made anything: only the platform can say")] : [],
                action: Verdict.Action("See the evidence and the choices.", ["turnup show \(facts.run.id)"]))
        }
        if let last, last.isRefusal {
            return Verdict(
                .refused, .likely, rivals: [.undecided],
                "The platform refuses \(last.request ?? last.state): \(last.ending)\(last.text.map { " \($0)" } ?? "").",
                supporting: [evidence.item("refused (\(last.ending))", [last])],
                missing: [Verdict.Item("a rule for this refusal: the log shows that it is refused, not why")],
                action: Verdict.Action("Read the platform's words.", ["turnup history \(facts.run.id)"]))
        }
        return Verdict(
            .undecided, .open, rivals: [.undecided],
            "The log does not say why: \(facts.run.reason ?? last?.ending ?? facts.run.status.rawValue).",
            supporting: last.map { [evidence.item($0.ending, [$0])] } ?? [],
            missing: [Verdict.Item("a rule that knows this")],
            action: Verdict.Action("Read the history.", ["turnup history \(facts.run.id)"]))
    }
}
