import EventStore
import Foundation
import Postgres
import TestSupport
import Testing
import WorkflowCore

/// What `enqueue` says when something goes wrong on its way.
@Suite(.timeLimit(.minutes(15))) struct EnqueueTroubleTests {
    private static let words = ["enqueue", "whatsapp-number", "number=+34600111222", "--organisation", "academy"]

    private static func runs(_ installation: Installation) async throws -> [RunOverview] {
        try await installation.store.runs(RunFilter())
    }

    @Test(arguments: [[], ["--json"]])
    func `a run that was created is printed, though the look at what it needs fails`(_ more: [String]) async throws {
        try await Installation.with { installation in
            try await installation.database.tamper("alter table turnup.secret rename to secret_away")
            let answer = try await TurnupProcess.run(Self.words + more, environment: installation.environment)
            try await installation.database.tamper("alter table turnup.secret_away rename to secret")
            #expect(answer.exitCode == 0, "\(answer.errors)")
            let run = try #require(try await Self.runs(installation).first)
            #expect(answer.output.contains(run.id.description))
            #expect(answer.errors.contains("Whether it will have to wait could not be looked up"), "\(answer.errors)")
        }
    }

    @Test func `when the database takes too long and says so, the run was not created, and that is said`() async throws
    {
        try await Installation.with { installation in
            let holder = try await PostgresConnection.connect(
                PostgresConfiguration(connectionString: installation.database.url))
            try await holder.execute("begin; lock table turnup.run in access exclusive mode")
            let answer = try await TurnupProcess.run(
                Self.words + ["--timeout", "1.5"], environment: installation.environment)
            try await holder.execute("rollback")
            await holder.close()
            #expect(answer.exitCode == 3 && answer.output.isEmpty)
            #expect(answer.errors.contains("the run was not created"), "\(answer.errors)")
            #expect(answer.errors.contains("did not answer within 1.5 s"), "\(answer.errors)")
            #expect(try await Self.runs(installation).isEmpty)
        }
    }

    @Test func `when no answer comes, nobody knows: the id that is named makes the repeat find the same run`()
        async throws
    {
        try await Installation.with { installation in
            try await installation.database.withProxy { proxy, _ in
                let url = installation.database.url
                let proxied = url + (url.contains("?") ? "&" : "?") + "host=\(proxy.directory)&port=5432"
                let environment = installation.environment.merging(["TURNUP_DATABASE_URL": proxied]) { $1 }
                let holder = try await PostgresConnection.connect(PostgresConfiguration(connectionString: url))
                try await holder.execute("begin; lock table turnup.run in access exclusive mode")
                let process = try TurnupProcess(Self.words + ["--timeout", "8"], environment: environment)
                try await installation.waiting(1)
                // From here on the statement goes on, and its answer is lost.
                proxy.set(.swallowReplies)
                try await holder.execute("rollback")
                await holder.close()
                let answer = await process.end()
                #expect(proxy.faultCount > 0)
                let run = try #require(try await Self.runs(installation).first)
                #expect(answer.exitCode == 3 && answer.output.isEmpty)
                #expect(
                    answer.errors.contains("it is not known whether run \(run.id) was created"), "\(answer.errors)")
                #expect(answer.errors.contains("Repeat the same command with --id \(run.id)"), "\(answer.errors)")
                proxy.set(.none)
                let again = try await TurnupProcess.run(
                    Self.words + ["--id", run.id.description], environment: environment)
                #expect(again.exitCode == 0 && again.output == "\(run.id)\n", "\(again.errors)")
                #expect(try await Self.runs(installation).count == 1)
            }
        }
    }

    /// As a server does that was stopped while it waited for its standby.
    @Test func `a success that comes only after the statement was stopped is not taken for one`() async throws {
        try await Installation.with { installation in
            try await installation.database.tamper(
                """
                create function stubborn() returns trigger language plpgsql as $$
                begin
                  begin
                    perform pg_sleep(300);
                  exception when query_canceled then null;
                  end;
                  return new;
                end $$;
                create trigger stubborn after insert on turnup.run for each row execute function stubborn()
                """)
            // Until it gets as far as the trigger in its time: on a busy machine that takes long.
            var seconds = 4
            var answer = try await TurnupProcess.run(
                Self.words + ["--timeout", "\(seconds)"], environment: installation.environment)
            while try await Self.runs(installation).isEmpty, seconds < 64 {
                seconds *= 2
                answer = try await TurnupProcess.run(
                    Self.words + ["--timeout", "\(seconds)"], environment: installation.environment)
            }
            let run = try #require(try await Self.runs(installation).first)
            #expect(answer.exitCode == 3 && answer.output.isEmpty)
            #expect(
                answer.errors.contains("it is not known whether run \(run.id) was created"), "\(answer.errors)")
            let again = try await TurnupProcess.run(
                Self.words + ["--id", run.id.description], environment: installation.environment)
            #expect(again.exitCode == 0 && again.output == "\(run.id)\n", "\(again.errors)")
        }
    }

    @Test func `an input above 256 KiB is refused with its size, from the command line and from a file`() async throws {
        try await Installation.with { installation in
            // The command line itself may have 128 KiB a word.
            let half = String(repeating: "x", count: 100_000)
            let text = """
                dsl: 1
                workflow: large
                version: 1
                key: ${input.a}
                start: first
                input:
                  a: {type: string}
                  b: {type: string, default: ''}
                  c: {type: string, default: ''}
                services:
                  wpp: {timeout: 5s}
                states:
                  first: {call: {request: 'GET wpp:/things'}, next: done}
                  done: {end: succeeded}
                  failed: {end: failed}
                """
            try await installation.command("workflow", "publish", try installation.write(text, to: "large.yaml"))
            let argument = try await TurnupProcess.run(
                ["enqueue", "large", "--organisation", "o", "a=1", "b=\(half)", "c=\(half)\(half.prefix(20_000))"]
                    + ["--json"], environment: installation.environment)
            #expect(argument.exitCode == 0, "\(argument.errors)")
            let wide = String(repeating: "\u{1}", count: 30_000)  // each character is written as six
            let tooLarge = try await TurnupProcess.run(
                ["enqueue", "large", "--organisation", "o", "a=2", "b=\(half)", "c=\(wide)"],
                environment: installation.environment)
            #expect(tooLarge.exitCode == 2)
            #expect(
                tooLarge.errors.contains("the input has 280023 bytes; it may have 262144 (256 KiB)"),
                "\(tooLarge.errors.suffix(300))")

            func row(_ key: Int, _ length: Int) -> String {
                #"{"a":"\#(key)","b":"\#(String(repeating: "x", count: length))"}"# + "\n"
            }
            // The lines between the two limits are left to the database, whose text has a few blanks more.
            let file = try installation.write(
                row(10, 5) + row(11, 262_144 - 16) + row(12, 262_144 - 17) + row(13, 262_144 - 19)
                    + row(14, 262_144 - 20), to: "rows.jsonl")
            let bulk = try await TurnupProcess.run(
                ["enqueue", "large", "--organisation", "o", "--from", file], environment: installation.environment)
            #expect(bulk.exitCode == 1 && bulk.output == "2 created, 0 there already, 3 rejected\n", "\(bulk.output)")
            let rejected = try String(contentsOfFile: "\(installation.folder)/rows.rejected.jsonl", encoding: .utf8)
            #expect(rejected.components(separatedBy: "it may have 262144 (256 KiB)").count == 4)
        }
    }
}
