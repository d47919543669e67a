import Diagnostics
import EventStore
import WorkflowCore

/// `turnup history RUN --compare 3,5`: what differs between two attempts.
struct HistoryCompare {
    let session: Session
    let run: RunOverview
    let clock: ClockText

    /// How many runs are looked through for one that went well.
    private static let mostRuns = 50

    func print(_ words: String, json: Bool) async throws {
        let names = words.split(separator: ",", omittingEmptySubsequences: false).map { String($0).trimmingWhitespace }
        guard names.count == 2, !names.contains("") else { throw RunsTexts.compareTwo }
        guard let one = try await named(names[0], beside: nil), let other = try await named(names[1], beside: one)
        else { throw RunsTexts.goodComesSecond }
        guard one != other else { throw RunsTexts.sameAttempt }
        let found = AttemptComparison(one, other).differences
        Console.out(json ? line(one, other, found) : page(one, other, found))
    }

    /// The attempt with this event, of this run or, as `RUN:3`, of another; `good` is like the first one.
    private func named(_ name: String, beside first: AttemptRecord?) async throws -> AttemptRecord? {
        if name == "good" {
            guard let first else { return nil }
            guard let good = try await lastGood(like: first) else { throw RunsTexts.noGoodAttempt(first.state) }
            return good
        }
        let parts = name.split(separator: ":", maxSplits: 1).map(String.init)
        guard let last = parts.last, let seq = Int64(last), seq > 0 else { throw RunsTexts.noAttemptName(name) }
        let owner = parts.count == 2 ? try await session.run(named: parts[0]) : run
        let events = try await session.store.events(of: owner.id, after: 0)
        guard let attempt = AttemptRecord(seq, of: owner.id, in: events) else {
            throw RunsTexts.noAttempt(seq, run: "\(owner.id)")
        }
        return attempt
    }

    private func lastGood(like first: AttemptRecord) async throws -> AttemptRecord? {
        var looked: Set<Identifier> = []
        let own = try await session.store.run(first.run) ?? run
        var lists = [[own]]
        for organisation in [own.organisation, nil] {
            lists.append(
                try await session.store.runs(
                    RunFilter(workflow: own.workflow, organisation: organisation, limit: Self.mostRuns)))
        }
        for other in lists.joined() where looked.insert(other.id).inserted {
            let events = try await session.store.events(of: other.id, after: 0)
            if let good = AttemptRecord.lastGood(like: first, of: other.id, in: events) { return good }
        }
        return nil
    }

    // MARK: Output

    private func page(_ one: AttemptRecord, _ other: AttemptRecord, _ found: [AttemptComparison.Difference]) -> String {
        let heads = [one, other].map { RunsTexts.attempt($0.started.seq, run: $0.run == run.id ? nil : "\($0.run)") }
        var table = Table(["", heads[0], heads[1]])
        table.add("at", clock.dateAndTime(one.started.recordedAt), clock.dateAndTime(other.started.recordedAt))
        for difference in found {
            table.add(difference.path, text(difference.path, difference.one), text(difference.path, difference.other))
        }
        return table.text + (found.isEmpty ? "\n" + RunsTexts.nothingDiffers : "")
    }

    private func text(_ path: String, _ value: JSONValue?) -> String {
        guard let value else { return RunsTexts.absent }
        if path.hasSuffix("_milliseconds"), let milliseconds = value.integerValue {
            return (milliseconds < 0 ? "-" : "") + Phrases.span(milliseconds: Int64(milliseconds.magnitude))
        }
        return value.stringValue ?? value.serialized()
    }

    private func line(_ one: AttemptRecord, _ other: AttemptRecord, _ found: [AttemptComparison.Difference]) -> String {
        func name(_ attempt: AttemptRecord) -> JSONValue {
            .object(
                JSONObject([
                    ("run", .string("\(attempt.run)")), ("started", .integer(attempt.started.seq)),
                    ("ended", attempt.ended.map { .integer($0.seq) } ?? .null),
                    ("at", .time(attempt.started.recordedAt)),
                ]))
        }
        let differences = found.map { difference in
            JSONValue.object(
                JSONObject([
                    ("path", .string(difference.path)), ("one", difference.one ?? .null),
                    ("other", difference.other ?? .null),
                ]))
        }
        return JSONText.object([("one", name(one)), ("other", name(other)), ("differences", .array(differences))])
    }
}
