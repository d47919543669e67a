import Diagnostics
import EventStore
import WorkflowCore

/// A run that a verb is for.
struct OperatorActionTarget {
    let id: Identifier
    let key: String
    /// Where it must stand, when the caller says so.
    let expectedSeq: Int64?
    /// The filter that chose the run, which the run must still match.
    let filter: RunFilter?

    init(_ run: RunOverview, expectedSeq: Int64? = nil, filter: RunFilter? = nil) {
        id = run.id
        key = run.key
        self.expectedSeq = expectedSeq
        self.filter = filter
    }
}

extension RunFilter {
    /// Whether a run that this filter found still matches it, judged by what can change.
    func matches(_ run: RunOverview) -> Bool {
        if let status, status != run.status { return false }
        if let state, state != run.state { return false }
        if let lastError, lastError != run.lastError { return false }
        if isLeftBehind, !run.mayBeLeft || !run.status.isEnded { return false }
        if isDrifted, run.inspection != .drifted { return false }
        if let service, service != run.task?.service { return false }
        return true
    }
}

/// Finds the runs of a verb, shows them, and has their number confirmed.
struct OperatorActionTargets {
    let session: Session
    let options: OperatorActionOptions
    let verb: OperatorAction

    private static let runsPerPage = 1000
    private static let shownRuns = 10

    func named(_ names: [String]) async throws -> [OperatorActionTarget] {
        var targets: [OperatorActionTarget] = []
        for name in names {
            let run = try await session.run(named: name)
            guard !targets.contains(where: { $0.id == run.id }) else {
                throw DecideTexts.twice("\(run.id)")
            }
            targets.append(OperatorActionTarget(run, expectedSeq: options.expectedSeq))
        }
        if let confirm = options.confirm { try check(confirm, targets.count) }
        return targets
    }

    /// All that match, page by page; runs that come meanwhile stand at the head of the list and are not among them.
    func matching() async throws -> [OperatorActionTarget] {
        let now = try await session.store.now()
        var filter = options.filter.filter(now: now)
        if filter.status == nil, verb.statuses.count == 1 { filter.status = verb.statuses.first }
        filter.limit = Self.runsPerPage
        var targets: [OperatorActionTarget] = []
        var shown: [RunOverview] = []
        var others = 0
        while true {
            let page = try await session.store.runs(filter)
            for run in page {
                guard verb.statuses.contains(run.status) else {
                    others += 1
                    continue
                }
                targets.append(OperatorActionTarget(run, filter: filter))
                if shown.count < Self.shownRuns { shown.append(run) }
            }
            guard page.count == filter.limit, let last = page.last else { break }
            filter.after = last.id
        }
        preview(shown, of: targets.count, others: others, now: now)
        if !options.dryRun, !verb.isHarmless { try confirm(targets.count) }
        return targets
    }

    private func preview(_ runs: [RunOverview], of count: Int, others: Int, now: Instant) {
        Console.note(DecideTexts.chosen(verb.name, count))
        if !runs.isEmpty {
            let clock = ClockText()
            var table = Table("RUN", "ORGANISATION", "KEY", "STATE", "STATUS", "WHY")
            for run in runs {
                table.add(
                    run.id.description, run.organisation, run.key, run.state, run.status.rawValue,
                    Explanation.why(run, now: now, clock: clock).detail)
            }
            Console.note(table.text)
        }
        if count > runs.count { Console.note(DecideTexts.more(count - runs.count)) }
        if others > 0 {
            let statuses = RunStatus.allCases.filter { verb.statuses.contains($0) }.map(\.rawValue)
            Console.note(DecideTexts.otherStatuses(others, verb.name, statuses: statuses))
        }
    }

    private func confirm(_ count: Int) throws {
        if let confirm = options.confirm { return try check(confirm, count) }
        guard count > 0 else { return }
        guard let typed = Console.ask(DecideTexts.question) else { throw DecideTexts.nobodyToAsk(count) }
        guard let number = Int(typed.trimmingWhitespace) else { throw DecideTexts.notTheNumber }
        try check(number, count)
    }

    private func check(_ confirmed: Int, _ count: Int) throws {
        guard confirmed == count else { throw DecideTexts.otherNumber(count, confirmed: confirmed) }
    }
}
