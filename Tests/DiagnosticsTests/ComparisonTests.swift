import Diagnostics
import Testing
import WorkflowCore

@testable import EventStore

@Suite("Two attempts side by side")
struct ComparisonTests {
    private func attempt(_ story: Story, _ seq: Int64) throws -> AttemptRecord {
        try #require(AttemptRecord(seq, of: story.id, in: story.events))
    }

    private func paths(_ one: AttemptRecord, _ other: AttemptRecord) -> [String] {
        AttemptComparison(one, other).differences.map(\.path)
    }

    /// Refused, refused again a little later, and then accepted.
    private func story() -> Story {
        var story = Story(1)
        story.creates("kkkkkkkk", at: 1)
        for (seconds, age) in [(2.0, 1000), (3.0, 2000)] as [(Double, Int64)] {
            story.sends(
                .token, .attemptNotDone, at: seconds, status: 403, error: "key_not_active",
                evidence: [
                    "body": ["error": "Invalid API key", "code": 7], "body_digest": "same",
                    "headers": ["via": seconds == 2 ? "a, b" : "b, a", "date": .string("\(seconds)")],
                    "phases": ["total_milliseconds": .integer(age / 100)],
                ])
        }
        story.sends(
            .token, .attemptDone, at: 4, status: 200,
            evidence: ["body": ["ok": true], "body_digest": "other", "phases": ["total_milliseconds": 20]])
        return story
    }

    @Test func `only what differs is told: headers are sets, the time of day is none, an equal body is none`() throws {
        let story = story()
        #expect(try paths(attempt(story, 4), attempt(story, 6)) == ["timing.total_milliseconds"])
    }

    @Test func `a refusal and a yes differ in outcome, error, status and body, path by path`() throws {
        let story = story()
        let found = AttemptComparison(try attempt(story, 6), try attempt(story, 8))
        #expect(
            found.differences.map(\.path) == [
                "answer.outcome", "answer.error", "answer.status", "header.via", "body.error", "body.code", "body.ok",
            ])
        #expect(found.differences.first { $0.path == "answer.status" }?.one == 403)
        #expect(found.differences.first { $0.path == "body.ok" }?.one == nil)
    }

    @Test func `bytes that differ where the texts do not are told by their digest`() throws {
        var story = Story(1)
        for digest in ["a", "b"] {
            story.sends(
                .token, .attemptDone, at: 1, status: 200, evidence: ["body": "x", "body_digest": .string(digest)])
        }
        #expect(try paths(attempt(story, 2), attempt(story, 4)) == ["body_digest"])
    }

    @Test func `another credential, and its age`() throws {
        var story = Story(1)
        for (mark, age) in [("aaaaaaaa", 5), ("bbbbbbbb", 9)] as [(String, Int64)] {
            story.sends(
                .token, .attemptDone, at: 1, status: 200, used: [],
                more: [
                    "evidence": [
                        "credentials_used": [
                            ["name": "api_key", "fingerprint": .string(mark), "age_milliseconds": .integer(age)]
                        ]
                    ]
                ])
        }
        #expect(
            try paths(attempt(story, 2), attempt(story, 4)) == [
                "credential.api_key.sent", "credential.api_key.sent.age_milliseconds",
            ])
    }

    @Test func `an attempt is found by either of its events, and the last good one by its call`() throws {
        let story = story()
        #expect(try attempt(story, 4) == attempt(story, 5))
        #expect(AttemptRecord(1, of: story.id, in: story.events) == nil)
        #expect(AttemptRecord(99, of: story.id, in: story.events) == nil)
        let good = AttemptRecord.lastGood(like: try attempt(story, 4), of: story.id, in: story.events)
        #expect(good?.started.seq == 8)
        let create = AttemptRecord.lastGood(like: try attempt(story, 2), of: story.id, in: story.events)
        #expect(create == nil, "it is the only one, and it is no other")
    }

    @Test func `an attempt without an answer differs by having none`() throws {
        var story = Story(1)
        story.sends(.token, .attemptDone, at: 1, status: 200)
        story.add(.attemptStarted, Story.Call.token.intent, 2, attempt: Story.id(77))
        let open = try attempt(story, 4)
        #expect(open.ended == nil)
        #expect(try paths(attempt(story, 2), open) == ["answer.outcome", "answer.status"])
    }
}
