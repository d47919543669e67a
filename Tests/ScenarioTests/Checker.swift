import EventStore
import Foundation
import PlatformSimulator
import Postgres
import TestSupport
import Testing
import WorkflowCore

/// Compares the platform's ledger with the database: here, and once more by a program in another language that shares
/// nothing with the engine.
enum Checker {
    /// - Parameter mayBeIdle: whether the platform may have been asked nothing, from which nothing can be concluded.
    static func check(
        _ installation: Installation, mayBeIdle: Bool = false, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let answer = try await ledgerCheck(installation)
        let expected: Int32 = mayBeIdle && installation.simulator.requestCount == 0 ? 3 : 0
        #expect(answer.exitCode == expected, "\(answer.output)\(answer.errors)", sourceLocation: sourceLocation)
        let shifts = try await installation.database.pool.query(
            "select count(*) as shifts from turnup.test_clock where shift <> interval '0'", readOnly: true)
        let clocksAgree = try shifts.onlyRow().int("shifts") == 0
        let rows = try await installation.database.pool.query(
            """
            select run_id, seq, type, attempt_id, turnup.microseconds(recorded_at) as at from turnup.event
            order by run_id, seq
            """, readOnly: true)
        var intents: [String: Int64] = [:]
        var closings: [String: Int] = [:]
        for row in rows {
            guard let attempt = try row.uuidOrNil("attempt_id").map({ Identifier(high: $0.high, low: $0.low) }) else {
                continue
            }
            switch try row.string("type") {
            case "attempt.started": intents[attempt.description] = try row.int("at")
            case "attempt.late", "attempt.settled": break
            default: closings[attempt.description, default: 0] += 1
            }
        }
        for (attempt, count) in closings {
            #expect(count == 1, "attempt \(attempt) is closed \(count) times", sourceLocation: sourceLocation)
        }
        for entry in installation.simulator.ledger() {
            let id = entry.requestId ?? ""
            let intent = intents[id]
            #expect(
                intent != nil, "request \(entry.ordinal) to \(entry.path) has no committed intent",
                sourceLocation: sourceLocation)
            if let intent, clocksAgree {
                #expect(
                    intent / 1000 <= Int64(entry.receivedAtMilliseconds + clockError(installation)),
                    "request \(entry.ordinal) came before its intent", sourceLocation: sourceLocation)
            }
        }
        let sent = Dictionary(grouping: installation.simulator.ledger(), by: { $0.requestId ?? "" })
        for (id, entries) in sent {
            #expect(entries.count == 1, "attempt \(id) was sent \(entries.count) times", sourceLocation: sourceLocation)
        }
        try await checkRows(installation, sourceLocation)
    }

    /// How far the database's and the ledger's clock may be apart, in milliseconds: both are this machine's, the ledger
    /// counts whole milliseconds, and does not follow when the machine's clock is set.
    static func clockError(_ installation: Installation) -> Int {
        abs(installation.simulator.wallStepMilliseconds) + 1
    }

    /// `Tests/Checkers/ledger-check`, on a snapshot of the database and the simulator's ledger file.
    static func ledgerCheck(_ installation: Installation, ledger: String? = nil) async throws -> TurnupProcess.Answer {
        let clocks =
            installation.simulator.advancedMilliseconds > 1000
            ? " --clocks-differ" : " --clock-error \(clockError(installation))"
        // A fault that never fired proves nothing: the checker then answers 3.
        let faults = installation.simulator.faults().map { #"{"name":"\#($0.rule.name)","fired":\#($0.fired)}"# }
        try faults.joined(separator: "\n").write(
            toFile: installation.folder + "/faults.jsonl", atomically: true, encoding: .utf8)
        return try await python(
            #""$CHECKERS/ledger-check" --database-url "$DATABASE" --ledger "$LEDGER" --faults "$FAULTS""# + clocks,
            [
                "DATABASE": installation.database.url, "LEDGER": ledger ?? installation.ledgerPath,
                "FAULTS": installation.folder + "/faults.jsonl",
            ])
    }

    /// Runs Python, with the folder of the checkers in $CHECKERS.
    static func python(_ arguments: String, _ variables: [String: String] = [:]) async throws -> TurnupProcess.Answer {
        var environment = variables
        environment["CHECKERS"] = Installation.repository.appendingPathComponent("Tests/Checkers").path
        environment["PATH"] = ProcessInfo.processInfo.environment["PATH"]
        return try await TurnupProcess(shell: "exec python3 -B \(arguments)", environment: environment).end()
    }

    /// Streams without gap, and one queue row for each live run and for no other.
    private static func checkRows(_ installation: Installation, _ sourceLocation: SourceLocation) async throws {
        let gaps = try await installation.database.pool.query(
            """
            select run_id from turnup.event group by run_id having min(seq) <> 1 or max(seq) <> count(*)
            """, readOnly: true)
        #expect(gaps.isEmpty, "streams with gaps", sourceLocation: sourceLocation)
        let odd = try await installation.database.pool.query(
            """
            select r.id from turnup.run r full join turnup.task t on t.run_id = r.id
            where r.has_task is distinct from (t.run_id is not null)
            """, readOnly: true)
        #expect(
            odd.isEmpty, "runs with something to do without a queue row, or the reverse", sourceLocation: sourceLocation
        )
        for run in try await installation.store.runs(RunFilter(limit: 10_000)) {
            let folded = try #require(try await installation.store.fold(run.id))
            #expect(
                folded.state == run.state && folded.status == run.status && folded.seq == run.seq,
                "the row of run \(run.id) is not the fold of its events", sourceLocation: sourceLocation)
        }
    }

    /// The secrets that the platform handed out, and ours, must be nowhere in plain.
    static func checkSecrets(
        _ installation: Installation, in texts: [String], sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let secrets =
            installation.simulator.clients().map(\.apiKey) + [installation.simulator.configuration.masterSecret]
        #expect(secrets.count > 1, "the platform has handed out no key", sourceLocation: sourceLocation)
        let dump = try await installation.database.pool.query(
            """
            select coalesce(string_agg(line, chr(10)), '') as dump from (
              select e::text as line from turnup.event e union all select r::text from turnup.run r
              union all select t::text from turnup.task t union all select s::text from turnup.secret s
              union all select v::text from turnup.service v) as lines
            """, readOnly: true)
        for text in texts + [try dump[0].string("dump")] {
            for secret in secrets {
                let forms = [secret, Data(secret.utf8).base64EncodedString()]
                for form in forms {
                    #expect(!text.contains(form), "a secret stands in plain", sourceLocation: sourceLocation)
                }
            }
        }
    }
}
