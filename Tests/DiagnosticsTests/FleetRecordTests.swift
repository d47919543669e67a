import EventStore
import Testing
import WorkflowCore

@testable import Diagnostics

/// What a run's events show of the platform, in one row.
@Suite struct FleetRecordTests {
    private func record(_ story: Story) -> FleetRecord { FleetRecord(story.overview, story.events) }

    @Test func `the key, its refusals and its first and newest yes`() {
        var story = refusedNumber(ages: [0, 1, 3])
        story.accepted("bbbbbbbb", at: 109)
        story.refused("bbbbbbbb", at: 300, .inspect)
        let found = record(story)
        #expect(found.service == "wpp" && found.status == .succeeded && found.seq == Int64(story.events.count))
        #expect(
            found.key
                == FleetRecord.Key(
                    name: "api_key", fingerprint: "bbbbbbbb", at: Story.at(100), refusedBefore: Story.at(103),
                    firstYes: Story.at(109), lastYes: Story.at(109), lastRefusal: Story.at(300)))
        #expect(found.last?.seq == found.seq && found.last?.status == 403 && found.last?.credential == "api_key")
    }

    @Test func `errors are counted by service and day, in order`() {
        var story = refusedNumber(ages: [0, 1, 3])
        story.sends(.token, .attemptUnknown, at: 200_000, error: "timeout")
        #expect(
            record(story).errors == [
                FleetRecord.ErrorCount(service: "wpp", day: "2027-01-15", error: "403 key_not_active", count: 3),
                FleetRecord.ErrorCount(service: "wpp", day: "2027-01-17", error: "timeout", count: 1),
            ])
    }

    @Test func `planned retries, the platform's clock, and the code of a hold`() {
        var story = Story(1)
        story.sends(
            .create, .attemptNotDone, at: 1, status: 503, error: "http.503",
            more: ["retry": ["delay_milliseconds": 1000]], evidence: ["clock_difference_milliseconds": -4000])
        story.sends(.create, .attemptUnknown, at: 3, error: "timeout")
        story.holds("unknown_outcome", at: 3)
        let found = record(story)
        #expect(found.retries == 1 && found.clockDifferenceMilliseconds == -4000 && found.hold == "unknown_outcome")
        #expect(found.key == nil && found.last?.type == "attempt.unknown")
    }
}
