import EventStore
import Postgres
import TestSupport
import Testing
import Vault
import WorkflowCore

@Suite struct HistoryTests {
    static let rewritings = [
        "update turnup.event set body = '{}'", "update turnup.event set actor = actor", "delete from turnup.event",
        "truncate turnup.event", "update turnup.definition set source = ''", "delete from turnup.definition",
        "truncate turnup.definition cascade", "delete from turnup.secret", "truncate turnup.secret",
        "update turnup.secret set fingerprint = fingerprint", "update turnup.secret set ciphertext = 'x'",
        "update turnup.secret set ciphertext = null, nonce = null, forgotten_at = now(), created_by = 'x'",
        "update turnup.secret set forgotten_at = now() where ciphertext is null",
    ]

    @Test(arguments: rewritings, [false, true])
    func `history cannot be rewritten, not even as a replica`(_ statement: String, asReplica: Bool) async throws {
        try await TestDatabase.withDatabase { database in
            let store = database.store
            try await store.publishWorkflow()
            try await store.enqueueRun()
            for name in ["kept", "forgotten"] {
                let place = SecretPlace(scope: .installation, scopeId: "i", name: name, version: 1)
                try await store.putSecret(database.vault.seal(Secret("x"), at: place), by: "person:p")
            }
            #expect(try await store.forgetSecret(scope: .installation, scopeId: "i", name: "forgotten") == 1)
            try await database.withSuperuser { connection in
                if asReplica { try await connection.execute("set session_replication_role = replica") }
                let error = await #expect(throws: PostgresError.self) { try await connection.execute(statement) }
                #expect(error?.sqlState == "TU005")
            }
        }
    }

    @Test func `the chain in the database is that of the stored text, event by event`() async throws {
        try await TestDatabase.withDatabase { database in
            let store = database.store
            try await store.publishWorkflow()
            for number in ["née", "2"] { try await store.enqueueRun(number) }
            let attempt = newId()
            for run in try await store.claimed(workerA, 2, leaseMilliseconds: minute) {
                let first = try run.commit([.started(attempt), .done(attempt)], keepsLease: true)
                let second = try run.commit(
                    [NewEvent(.stateEntered, ["state": "x", "set": ["a": "\" é 💡\n", "b": 1]])], on: first.state)
                #expect(try await store.commitOne(first).isAccepted)
                #expect(try await store.commitOne(second).isAccepted)
                _ = try await store.append(
                    AppendRequest(runId: run.id, expectedSeq: nil, event: .cancel, actor: "person:ü"))
                _ = try await store.appendLate(
                    LateEvidence(runId: run.id, epoch: 0, attemptId: attempt, body: ["a": 1]), worker: workerB)
            }
            #expect(try await brokenLinks(in: database) == [])
            #expect(try await database.count("select count(*) from turnup.event") == 12)
        }
    }

    @Test func `rewriting by a superuser breaks the chain`() async throws {
        try await TestDatabase.withDatabase { database in
            try await database.store.publishWorkflow()
            try await database.store.enqueueRun()
            _ = try await database.pool.execute(
                """
                alter table turnup.event disable trigger refuse_change;
                update turnup.event set recorded_at = recorded_at + interval '1 microsecond'
                """)
            #expect(try await brokenLinks(in: database).count == 1)
        }
    }

    static let poisons = [#"{"number":"\u0000"}"#, #"{"number":"\ud800"}"#, #"{"number":"1","\u0000":1}"#]

    @Test(arguments: poisons)
    func `what could not be read again is refused at the enqueue`(_ input: String) async throws {
        try await TestDatabase.withDatabase { database in
            try await database.store.publishWorkflow()
            let error = await #expect(throws: PostgresError.self) {
                try await database.pool.query("select turnup.enqueue('w', 'o', $1::json)", [.text(input)])
            }
            #expect(error?.sqlState == "TU002")
            #expect(error?.hint == "NUL characters and lone surrogates cannot be stored.")
        }
    }

    @Test func `a lone surrogate in an event is refused whatever way it comes`() async throws {
        try await TestDatabase.withDatabase { database in
            try await database.store.publishWorkflow()
            let id = try await database.store.enqueueRun()
            for body in [#"{"a":"\uD83D"}"#, #"{"a":"\udead"}"#, #"{"a":"\u0000"}"#] {
                let error = await #expect(throws: PostgresError.self) {
                    try await database.pool.query(
                        "select turnup.append($1, null, 'cancel.requested', $2, 'person:p')",
                        [.uuid(PostgresUUID(high: id.high, low: id.low)), .text(body)])
                }
                #expect(error?.sqlState?.hasPrefix("22") == true)
            }
            _ = try await database.pool.query(
                "select turnup.append($1, 1, 'cancel.requested', $2, 'person:p')",
                [.uuid(PostgresUUID(high: id.high, low: id.low)), .text(#"{"reason":"\ud83d\ude00 \\u0000"}"#)])
            #expect(try await database.store.fold(id)?.cancel?.reason == #"😀 \u0000"#)
        }
    }
}

/// Recomputes every hash from the stored text; answers run and seq of those that differ.
func brokenLinks(in database: TestDatabase) async throws -> [String] {
    let rows = try await database.pool.query(
        """
        select run_id, seq, type, body::text as body, epoch, attempt_id, actor, hash,
          turnup.microseconds(recorded_at) as recorded_at
        from turnup.event order by run_id, seq
        """)
    var broken: [String] = []
    var previous = EventChain.first
    for row in rows {
        let uuid = try row.uuid("run_id")
        let seq = try row.int("seq")
        let event = RecordedEvent(
            seq: seq, type: try row.string("type"), body: [:], epoch: try row.int("epoch"),
            attemptId: try row.uuidOrNil("attempt_id").map { Identifier(high: $0.high, low: $0.low) },
            actor: try row.string("actor"), recordedAt: Instant(microseconds: try row.int("recorded_at")))
        let hash = EventChain.hash(
            after: seq == 1 ? EventChain.first : previous, run: Identifier(high: uuid.high, low: uuid.low), event,
            bodyText: try row.string("body"))
        previous = try row.bytes("hash")
        if hash != previous { broken.append("\(uuid) \(seq)") }
    }
    return broken
}

extension TestDatabase {
    /// The number that a statement answers with.
    func count(_ sql: String) async throws -> Int64 { try await pool.query(sql, readOnly: true).onlyRow().int(0) }
}
