import EventStore
import Foundation
import PlatformSimulator
import Postgres
import TestSupport
import Testing
import WorkflowCore

/// What the tests of people's verbs have in common.
extension Installation {
    static let number = "+34600111222"

    /// A command, whatever comes of it.
    func attempt(_ arguments: String...) async throws -> TurnupProcess.Answer {
        try await TurnupProcess.run(arguments, environment: environment)
    }

    /// A run whose first create worked over there, and whose answer was lost. Asserts that it was.
    func heldRun(_ number: String = Installation.number) async throws -> Identifier {
        _ = simulator.addFaults([FaultRule(match: Self.create, trigger: .nth(1), effect: .reset(.after))])
        let run = try await enqueue(number)
        try await reaches(.held, run)
        #expect(requests(Self.create).count == 1 && simulator.clients().count == 1, "the answer was not lost")
        return run
    }

    func write(_ text: String, to name: String) throws -> String {
        let path = "\(folder)/\(name)"
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        return path
    }

    /// A command line as `show` prints it, with the placeholders filled in, run by a shell.
    func copied(_ line: String, _ values: [String: String]) async throws -> TurnupProcess.Answer {
        var line = line.trimmingCharacters(in: .whitespaces)
        for (name, value) in values { line = line.replacing(name, with: value) }
        try #require(line.hasPrefix("turnup "))
        let process = try TurnupProcess(
            shell: "\"$TURNUP\" " + line.dropFirst("turnup ".count), environment: environment)
        return await process.end()
    }

    /// The commands that `show` offers.
    func offers(_ run: Identifier) async throws -> [String] {
        try await command("show", run.description).split(separator: "\n").map(String.init)
            .filter { $0.hasPrefix("    turnup ") }
    }

    /// Does `work` while a run's row is locked, so that whoever wants to write to it waits.
    func whileLocked(_ run: Identifier, _ work: () async throws -> Void) async throws {
        try await within("begin; select from turnup.run where id = '\(run)' for update", then: "rollback", work)
    }

    /// Appends an event that others see once `work` is over: whoever writes to the run meanwhile waits, and then finds
    /// that it has moved on.
    func whileMoving(
        _ run: Identifier, type: String = "retry.requested", body: String = #"{"reason": "somebody", "state": "-"}"#,
        _ work: () async throws -> Void
    ) async throws {
        try await within(
            "begin; select turnup.append('\(run)', null, '\(type)', '\(body)', 'person:other')", then: "commit", work)
    }

    private func within(_ begin: String, then end: String, _ work: () async throws -> Void) async throws {
        let holder = try await PostgresConnection.connect(PostgresConfiguration(connectionString: database.url))
        try await holder.execute(begin)
        do { try await work() } catch {
            await holder.close()
            throw error
        }
        try await holder.execute(end)
        await holder.close()
    }

    /// Waits until so many others wait for a lock.
    func waiting(_ count: Int64) async throws {
        let isWaiting = try await eventually(seconds: 60) {
            try await database.pool.query(
                """
                select count(*) as waiting from pg_stat_activity
                where datname = current_database() and wait_event_type = 'Lock'
                """, readOnly: true
            ).onlyRow().int("waiting") == count
        }
        #expect(isWaiting, "\(count) never waited for the lock")
    }
}
