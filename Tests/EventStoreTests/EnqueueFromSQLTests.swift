import EventStore
import Foundation
import Postgres
import TestSupport
import Testing
import WorkflowCore

@Suite struct EnqueueFromSQLTests {
    private struct Example: Sendable {
        let line: Int
        let text: String
        /// The SQLSTATE that it must fail with.
        let failure: String?
    }

    /// The blocks marked as SQL of the document, in order.
    private static func examples() throws -> [Example] {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("docs/guide/enqueue-from-sql.md")
        let lines = try String(contentsOf: path, encoding: .utf8).components(separatedBy: "\n")
        var examples: [Example] = []
        var start: Int?
        for (index, line) in lines.enumerated() {
            if let begun = start, line == "```" {
                let failure = lines[begun].split(separator: "-- fails with ").first.map(String.init)
                examples.append(
                    Example(
                        line: begun + 1, text: lines[begun..<index].joined(separator: "\n"),
                        failure: lines[begun].hasPrefix("-- fails with ") ? failure : nil))
                start = nil
            } else if line == "```sql" {
                start = index + 1
            }
        }
        return examples
    }

    @Test func `every example of the document does what it says`() async throws {
        try await TestDatabase.withDatabase { database in
            try await database.store.publishWorkflow("whatsapp-number")
            let examples = try Self.examples()
            let today = newId().description.prefix(13)
            #expect(examples.count > 12 && examples.count { $0.failure != nil } > 4)
            try await database.withSuperuser { connection in
                for example in examples {
                    // The ids of the document are not of today.
                    let text = example.text.replacing("018f0000-0000", with: today)
                    let error = await postgresError { try await connection.execute(text) }
                    #expect(
                        error?.sqlState == example.failure, "line \(example.line): \(error?.description ?? "no error")")
                    if error != nil { try await connection.execute("rollback") }
                }
            }
            #expect(try await brokenLinks(in: database) == [])
        }
    }

    static let errors: [(String, String, String, String?)] = [
        ("'v', 'o', '{}'", "TU001", #"workflow "v" is not published"#, "turnup workflow list"),
        ("'w', 'o', '{}', version => 7", "TU001", #"workflow "w" version 7 is not published"#, "publish"),
        (#"'w', 'o', '{"number":"2","x":1}'"#, "TU002", #"input "x" is not declared"#, "Declared: "),
        (#"'w', 'o', '{"number":2}'"#, "TU002", #"input "number" must be string, not number"#, nil),
        ("'w', 'o', '{}'", "TU002", #"input "number" is missing"#, #"{"number": …}"#),
        ("'w', 'o', '[]'", "TU002", "must be a JSON object, not array", nil),
        (#"'w', null, '{"number":"2"}'"#, "TU002", "the organisation is missing", nil),
        (#"'w', 'o', '{"number":"2"}', due => 'infinity'"#, "TU002", "due is infinity", nil),
        (#"'w', 'o', '{"number":"2"}', on_conflict => 'ignore'"#, "TU002", "it must be return or error", nil),
        (#"'w', 'o', '{"number":"2"}', on_conflict => null"#, "TU002", "it must be return or error", nil),
        (#"'w', 'o', '{"number":"2"}', actor => ''"#, "TU002", "the actor has 0 bytes", nil),
        (#"'w', 'o', '{"number":"2"}', actor => repeat('a', 256)"#, "TU002", "the actor has 256 bytes", nil),
        (
            #"'w', 'o', '{"number":"2"}', id => '018f0000-0000-7000-8000-00000000000a'"#, "TU002",
            "cannot be a new run's", "between 31 days ago and an hour from now"
        ),
        (#"'w', 'o', '{"number":"2"}', id => gen_random_uuid()"#, "TU002", "cannot be a new run's", "version 7"),
        (
            #"'w', 'o', '{"number":"2"}', id => turnup.id_at(turnup.now() + interval '2 hours')"#, "TU002",
            "cannot be a new run's", "version 7"
        ),
        (
            #"'w', 'o', '{"number":"1","label":"b"}'"#, "TU003", #""1" of organisation "o" belongs to run"#,
            "other input"
        ),
        (#"'w', 'o', '{"number":"1"}', on_conflict => 'error'"#, "TU003", "(live, state requested)", "same input"),
        (
            #"'w', 'o', '{"number":"2"}', id => 'ID'"#, "TU003", "was used before",
            "Leave the id out"
        ),
    ]

    @Test(arguments: errors)
    func `an error has its own SQLSTATE, says what is wrong and what to do`(
        _ call: String, _ state: String, _ message: String, _ hint: String?
    ) async throws {
        try await TestDatabase.withDatabase { database in
            try await database.store.publishWorkflow(
                input: #"{"number":{"type":"string"},"label":{"type":"string","default":"a"}}"#)
            let id = newId()
            let call = call.replacing("ID", with: id.description)
            _ = try await database.store.enqueueRun("1", id: id)
            let error = await postgresError {
                try await database.pool.query("select turnup.enqueue(\(call))")
            }
            #expect(error?.sqlState == state)
            #expect(error?.message.contains(message) == true, "\(error?.message ?? "no error")")
            if let hint {
                // As the program tells it; SQL itself gives facts.
                let told = error.flatMap { StoreError($0).hint }
                #expect(told?.contains(hint) == true, "\(told ?? "no hint")")
            }
            if state == "TU003" {
                let detail = try #require(error?.detail)
                #expect(try JSONValue.parse(detail)["run"] == .string(id.description))
            }
        }
    }

    /// Inputs beside the limit of 256 KiB, and how long they are as they are kept: `{"label": "…", "number": "1"}`.
    static let sizes: [(String, Int, Bool)] = [
        ("json_build_object('number', '1', 'label', repeat('x', 262144 - 28))", 262_144, true),
        ("json_build_object('number', '1', 'label', repeat('x', 262144 - 27))", 262_145, false),
        ("json_build_object('number', '1', 'label', repeat('é', 200000))", 400_028, false),
        (#"('{"number":"1",' || repeat(' ', 300000) || '"label":"a"}')::json"#, 29, true),
        // A short text that becomes long.
        (#"'{"number":"1","label":[1e131071,1e131071,1e131071]}'"#, 393_248, false),
    ]

    @Test(arguments: sizes)
    func `an input may have 256 KiB as it is kept, by itself and among many`(
        _ input: String, _ size: Int, _ isTaken: Bool
    ) async throws {
        try await TestDatabase.withDatabase { database in
            try await database.store.publishWorkflow(
                input: #"{"number":{"type":"string"},"label":{"type":["string","array"],"default":"a"}}"#)
            let alone = await postgresError {
                try await database.pool.query("select turnup.enqueue('w', 'o', \(input))")
            }
            let words = "the input has \(size) bytes; it may have 262144 (256 KiB)"
            #expect(alone?.sqlState == (isTaken ? nil : "TU002"), "\(alone?.description ?? "no error")")
            #expect(isTaken || alone?.message == words, "\(alone?.message ?? "")")
            let rows = try await database.pool.withTransaction { connection in
                _ = try connection.querySync("select turnup.stage()")
                _ = try connection.querySync("insert into turnup_staged (line, input) values (1, (\(input))::jsonb)")
                return try connection.querySync(
                    "select outcome, code, message from turnup.enqueue_staged('w', 'p')")
            }
            let row = try #require(rows.first)
            #expect(try row.string("outcome") == (isTaken ? "created" : "error"))
            if !isTaken {
                #expect(try row.string("code") == "TU002")
                #expect(try row.string("message") == words)
            }
            #expect(try await database.count("select count(*) from turnup.run") == (isTaken ? 2 : 0))
        }
    }

    @Test func `many runs at once need an actor of a usable length, too`() async throws {
        try await TestDatabase.withDatabase { database in
            try await database.store.publishWorkflow(input: #"{"number":{"type":"string"}}"#)
            let error = await postgresError {
                try await database.pool.withTransaction { connection in
                    _ = try connection.querySync("select turnup.stage()")
                    _ = try connection.querySync(
                        #"insert into turnup_staged (line, input) values (1, '{"number":"1"}')"#)
                    _ = try connection.querySync("select turnup.enqueue_staged('w', 'o', actor => '')")
                }
            }
            #expect(error?.sqlState == "TU002", "\(error?.description ?? "no error")")
        }
    }

    @Test func `a trigger starts runs with the rows, and takes them back with them`() async throws {
        try await TestDatabase.withDatabase { database in
            try await database.store.publishWorkflow()
            try await database.pool.execute(
                """
                create table public.line (number text);
                create function public.start_line() returns trigger language plpgsql as $$
                begin
                  perform turnup.enqueue('w', 'o', json_build_object('number', new.number), actor => 'trigger:line');
                  return new;
                end $$;
                create trigger start_line after insert on public.line
                  for each row execute function public.start_line();
                """)
            try await database.pool.execute("insert into public.line select i::text from generate_series(1, 50) as i")
            let runs = try await database.store.runs(RunFilter(limit: 100))
            #expect(runs.count == 50)
            let first = try #require(runs.first)
            #expect(try await database.store.events(of: first.id, after: 0).map(\.actor) == ["trigger:line"])
            // One bad row refuses its whole statement: 51 to 60 are not there either.
            let error = await postgresError {
                try await database.pool.execute(
                    """
                    insert into public.line
                    select case when i < 61 then i::text else repeat('n', 2000) end from generate_series(51, 61) as i
                    """)
            }
            #expect(error?.sqlState == "TU002")
            #expect(try await database.count("select count(*) from public.line") == 50)
            #expect(try await database.count("select count(*) from turnup.event") == 50)
            #expect(try await database.count("select count(*) from turnup.task") == 50)
        }
    }

    @Test func `an error in a savepoint leaves the transaction's other run`() async throws {
        try await TestDatabase.withDatabase { database in
            try await database.store.publishWorkflow()
            try await database.pool.execute(
                """
                do $$
                begin
                  perform turnup.enqueue('w', 'o', '{"number":"1"}');
                  begin
                    perform turnup.enqueue('w', 'o', '{"number":"2"}');
                    perform turnup.enqueue('w', 'o', '{"nummer":"3"}');
                  exception when sqlstate 'TU002' then null;
                  end;
                end $$
                """)
            #expect(try await database.store.runs(RunFilter()).map(\.key) == ["1"])
            #expect(try await database.count("select count(*) from turnup.event") == 1)
        }
    }
}
