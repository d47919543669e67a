import EventStore
import Postgres
import Synchronization
import TestSupport
import Testing
import WorkflowCore

@Suite struct BulkEnqueueTests {
    static let fields = """
        {"number":{"type":"string"},"label":{"type":["string","boolean"],"default":"x"},"count":{"type":"integer","default":7}}
        """

    private func line(
        _ number: Int64, _ input: String, organisation: String? = nil, version: Int? = nil, due: Instant? = nil,
        id: Identifier? = nil
    ) -> BulkLine {
        BulkLine(
            number: number, organisation: organisation, input: Array(input.utf8), version: version, due: due, id: id)
    }

    private func bulk(_ database: TestDatabase, organisation: String? = "o", version: Int? = nil) -> BulkEnqueue {
        BulkEnqueue(
            store: database.store, workflow: "w", organisation: organisation, version: version, actor: "person:test")
    }

    @Test func `a line writes the same rows as an enqueue of its own`() async throws {
        try await TestDatabase.withDatabase { database in
            let store = database.store
            try await store.publishWorkflow(input: Self.fields)
            let due = Instant(microseconds: 1_900_000_000_123_456)
            let inputs = [#"{"number":"né\"\\e\t💡","count":3.0}"#, #"{"label":true,"number":"2"}"#, #"{"number":"3"}"#]
            for (index, input) in inputs.enumerated() {
                let object = try #require(try JSONValue.parse(input).objectValue)
                _ = try await store.enqueue(
                    request(object, organisation: "alone", due: index == 1 ? due : nil))
            }
            let answers = try await bulk(database).enqueue(
                inputs.enumerated().map { index, input in
                    line(Int64(index), input, organisation: "alone\(index)", due: index == 1 ? due : nil)
                })
            #expect(answers.count == 3)
            for answer in answers {
                guard case .created(let id) = answer.outcome else {
                    Issue.record("\(answer)")
                    continue
                }
                let mine = try #require(try await store.run(id))
                let twin = try #require(
                    try await store.runs(RunFilter(organisation: "alone", key: mine.key)).first)
                #expect(mine.organisation == "alone\(answer.number)" && mine.version == twin.version)
                #expect(mine.state == twin.state && mine.status == twin.status && mine.seq == twin.seq)
                #expect(mine.task?.due == (answer.number == 1 ? due : mine.requestedAt))
                let texts = try await database.pool.query(
                    """
                    select distinct replace(e.body::text, r.organisation, '') || e.actor || e.epoch || e.type as text
                    from turnup.event e join turnup.run r on r.id = e.run_id where r.key = $1
                    """, [.text(mine.key)])
                #expect(texts.count == 1)
            }
            #expect(try await brokenLinks(in: database) == [])
            #expect(
                try await database.count(
                    "select count(*) from turnup.run r join turnup.event e on e.run_id = r.id and e.hash = r.hash") == 6
            )
        }
    }

    @Test func `each bad line fails alone, with the words of an enqueue of its own`() async throws {
        try await TestDatabase.withDatabase { database in
            let store = database.store
            try await store.publishWorkflow(input: Self.fields)
            let bad: [(BulkLine, JSONObject)] = [
                (line(10, #"{"label":"a"}"#), ["label": "a"]),
                (line(11, #"{"number":1}"#), ["number": 1]),
                (
                    line(12, #"{"number":"1","count":1.5}"#),
                    ["number": "1", "count": .number(JSONNumber(text: "1.5") ?? JSONNumber(1))]
                ),
                (line(13, #"{"number":"1","label":null}"#), ["number": "1", "label": .null]),
                (line(14, #"{"number":"1","extra":1}"#), ["number": "1", "extra": 1]),
                (line(15, #"{"number":""}"#), ["number": ""]),
            ]
            let long = String(repeating: "n", count: 1025)
            let others = [
                line(20, #"{"number":"\#(long)"}"#), line(21, #"{"number":"1"}"#, organisation: ""),
                line(22, #"{"number":"1"}"#, version: 9), line(23, "[]"), line(24, #"{"number":"\u0000"}"#),
                line(25, #"{"number":"1"}"#, due: Instant(microseconds: .max / 2)),
                line(26, #"{"number":"1","count":1e999999}"#), line(27, #"{"number":"#),
            ]
            let good = [line(1, #"{"number":"good"}"#), line(2, #"{"number":"also good"}"#, organisation: "p")]
            let answers = try await bulk(database).enqueue(good + bad.map(\.0) + others)
            #expect(answers.count == good.count + bad.count + others.count)
            for (bulkLine, input) in bad {
                let expected = await storeError { _ = try await store.enqueue(request(input)) }
                let answer = try #require(answers.first { $0.number == bulkLine.number })
                #expect(expected != nil && answer.outcome == expected.map { .refused($0) })
            }
            let codes = answers.sorted { $0.number < $1.number }.compactMap { answer -> StoreError.Code? in
                if case .refused(let error) = answer.outcome { error.code } else { nil }
            }
            #expect(
                codes == Array(repeating: .badInput, count: 8) + [
                    .unknownWorkflow, .badInput, .refused, .badInput, .refused, .refused,
                ])
            #expect(try await store.runs(RunFilter()).map(\.key).sorted() == ["also good", "good"])
        }
    }

    @Test func `of equal keys in one batch the first line wins, and the others hear of it`() async throws {
        try await TestDatabase.withDatabase { database in
            try await database.store.publishWorkflow(input: Self.fields)
            let answers = try await bulk(database).enqueue([
                line(5, #"{"number":"1"}"#), line(3, #"{"number":"1","label":"x"}"#),
                line(4, #"{"number":"1","label":"other"}"#), line(6, #"{"number":"1"}"#, organisation: "p"),
            ]).sorted { $0.number < $1.number }
            guard case .created(let winner) = answers.first?.outcome else {
                Issue.record("\(answers)")
                return
            }
            #expect(answers.first?.number == 3 && answers.dropFirst(2).first?.outcome == .existing(winner))
            guard case .refused(let error) = answers.dropFirst().first?.outcome else {
                Issue.record("\(answers)")
                return
            }
            #expect(error.code == .keyConflict && error.runId == winner.description)
            #expect(try await database.count("select count(*) from turnup.task") == 2)
        }
    }

    @Test func `the same batch again changes nothing`() async throws {
        try await TestDatabase.withDatabase { database in
            try await database.store.publishWorkflow(input: Self.fields)
            let lines = (1...500).map { line($0, #"{"number":"\#($0)"}"#) }
            let first = try await bulk(database).enqueue(lines)
            let again = try await bulk(database).enqueue(lines)
            let created = Set(
                first.compactMap { answer in if case .created(let id) = answer.outcome { id } else { nil } })
            let found = Set(
                again.compactMap { answer in if case .existing(let id) = answer.outcome { id } else { nil } })
            #expect(created.count == 500 && created == found)
            for table in ["run", "event", "task"] {
                #expect(try await database.count("select count(*) from turnup.\(table)") == 500)
            }
        }
    }

    @Test func `an id names its run whatever became of it, and is refused for another`() async throws {
        try await TestDatabase.withDatabase { database in
            let store = database.store
            try await store.publishWorkflow(input: Self.fields)
            let id = newId()
            let lines = [line(1, #"{"number":"1"}"#, id: id)]
            #expect(try await bulk(database).enqueue(lines).map(\.outcome) == [.created(id)])
            let run = try await store.claimOne()
            #expect(try await store.commitOne(run.commit([NewEvent(.runFailed, [:])])).isAccepted)
            #expect(try await bulk(database).enqueue(lines).map(\.outcome) == [.existing(id)])
            let twice = try await bulk(database).enqueue([
                line(1, #"{"number":"2"}"#, id: id), line(2, #"{"number":"3"}"#, id: id),
            ])
            #expect(
                twice.allSatisfy { answer in
                    if case .refused(let error) = answer.outcome { error.code == .keyConflict } else { false }
                })
            let fresh = newId()
            let both = try await bulk(database).enqueue([
                line(1, #"{"number":"4"}"#, id: fresh), line(2, #"{"number":"5"}"#, id: fresh),
            ])
            #expect(both.count == 2 && both.count { $0.outcome == .created(fresh) } == 1)
            #expect(try await database.count("select count(*) from turnup.event where seq = 1") == 2)
        }
    }

    @Test func `lines of several versions are checked by their own`() async throws {
        try await TestDatabase.withDatabase { database in
            let store = database.store
            try await store.publishWorkflow(version: 1)
            try await store.publishWorkflow(
                version: 2, input: #"{"number":{"type":"string"},"label":{"type":"string","default":"new"}}"#)
            let answers = try await bulk(database).enqueue([
                line(1, #"{"number":"1"}"#), line(2, #"{"number":"2"}"#, version: 1),
                line(3, #"{"number":"3","label":"a"}"#, version: 1),
            ])
            #expect(answers.count { if case .created = $0.outcome { true } else { false } } == 2)
            let versions = try await store.runs(RunFilter()).sorted { $0.key < $1.key }.map(\.version)
            #expect(versions == [2, 1])
            // The same input as an older version saw it is the same run.
            let again = try await bulk(database).enqueue([line(1, #"{"number":"2"}"#)])
            #expect(again.allSatisfy { if case .existing = $0.outcome { true } else { false } })
        }
    }

    @Test func `secret input is refused in bulk too`() async throws {
        try await TestDatabase.withDatabase { database in
            try await database.store.publishWorkflow(input: #"{"number":{"type":"string","secret":true}}"#)
            let answers = try await bulk(database).enqueue([line(1, #"{"number":"1"}"#)])
            guard case .refused(let error) = answers.first?.outcome else {
                Issue.record("\(answers)")
                return
            }
            #expect(error.message.contains("is secret"))
        }
    }

    @Test func `eight sessions with the same lines in other orders make each run once`() async throws {
        try await TestDatabase.withDatabase(connections: 8) { database in
            try await database.store.publishWorkflow(input: Self.fields)
            let answers = try await together(8) { session in
                let lines = (1...400).map { line($0, #"{"number":"\#($0)"}"#, id: newId()) }
                return try await bulk(database).enqueue(session % 2 == 0 ? lines : lines.reversed())
            }.flatMap { $0 }
            #expect(answers.count == 3200)
            #expect(answers.count { if case .created = $0.outcome { true } else { false } } == 400)
            #expect(answers.count { if case .existing = $0.outcome { true } else { false } } == 2800)
            #expect(try await database.count("select count(*) from turnup.event") == 400)
            #expect(try await brokenLinks(in: database) == [])
        }
    }

    private struct Stopped: Error {}

    @Test func `batches together are all or nothing`() async throws {
        try await TestDatabase.withDatabase { database in
            try await database.store.publishWorkflow(input: Self.fields)
            let bulk = bulk(database)
            await #expect(throws: Stopped.self) {
                try await bulk.enqueueTogether(next: Batches(3, stopsAfter: 2).next) { answers in
                    #expect(answers.count == 10)
                }
            }
            #expect(try await database.count("select count(*) from turnup.run") == 0)
            try await bulk.enqueueTogether(next: Batches(3).next) { answers in
                #expect(answers.allSatisfy { if case .created = $0.outcome { true } else { false } })
            }
            #expect(try await database.count("select count(*) from turnup.run") == 30)
        }
    }

    /// Batches of ten lines.
    private final class Batches: Sendable {
        private let given = Mutex(0)
        private let count: Int
        private let stopsAfter: Int?

        init(_ count: Int, stopsAfter: Int? = nil) {
            self.count = count
            self.stopsAfter = stopsAfter
        }

        func next() throws -> [BulkLine]? {
            let index = given.withLock { value in
                value += 1
                return value - 1
            }
            if index == stopsAfter { throw Stopped() }
            guard index < count else { return nil }
            return (1...10).map { BulkLine(number: $0, input: Array(#"{"number":"\#(index)-\#($0)"}"#.utf8)) }
        }
    }

    @Test func `a commit whose answer is lost is done again and made once`() async throws {
        try await TestDatabase.withDatabase { database in
            try await database.store.publishWorkflow(input: Self.fields)
            try await database.withProxy { proxy, store in
                _ = try await store.now()
                let bulk = BulkEnqueue(
                    store: store, workflow: "w", organisation: "o", version: nil, actor: "person:test")
                let lines = (1...50).map { line($0, #"{"number":"\#($0)"}"#, id: newId()) }
                proxy.set(.loseReply(to: "COMMIT\u{0}"))
                async let answers = bulk.enqueue(lines)
                try await waitUntil { proxy.faultCount > 0 }
                proxy.set(.none)
                #expect(try await answers.count { if case .existing = $0.outcome { true } else { false } } == 50)
            }
            #expect(try await database.count("select count(*) from turnup.run") == 50)
        }
    }
}
