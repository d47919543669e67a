import EventStore
import Synchronization
import Testing
import WorkflowCore

@testable import Worker

/// What counts as wedged, and what may lawfully stand still, by a clock that is set.
@Suite("Heartbeat", .timeLimit(.minutes(5)))
struct HeartbeatTests {
    private final class HandClock: Sendable {
        private let start = ContinuousClock.now
        private let passed = Mutex(Duration.zero)
        var now: ContinuousClock.Instant { start + passed.withLock { $0 } }
        func pass(milliseconds: Int) { passed.withLock { $0 += .milliseconds(milliseconds) } }
    }

    private let clock = HandClock()
    private static let database = StoreError(.unavailable, "the database is away")

    private func heartbeat(stall: Int64 = 300, lease: Int64 = 100) -> Heartbeat {
        var configuration = WorkerConfiguration(name: "a", leaseMilliseconds: lease, pollMilliseconds: 50)
        configuration.stallMilliseconds = stall
        return Heartbeat(configuration: configuration, logger: LogBook().logger) { [clock] in clock.now }
    }

    @Test(
        "A loop with work that does not move is called stuck; those without work may rest",
        arguments: Heartbeat.Lane.allCases)
    func lanes(_ lane: Heartbeat.Lane) async throws {
        let heartbeat = heartbeat()
        for other in Heartbeat.Lane.allCases { heartbeat.moved(other) }
        heartbeat.waits(1, for: lane)
        // Claims may rest longer: see below.
        let allowed = lane == .claims ? 300 + Int(DatabaseWait.longestPauseMilliseconds) : 300
        clock.pass(milliseconds: allowed)
        #expect(heartbeat.condition().isLive)
        clock.pass(milliseconds: 1)
        #expect(heartbeat.condition().stuck == [lane.rawValue])
        heartbeat.moved(lane)
        #expect(heartbeat.condition().isLive)
        heartbeat.waits(-1, for: lane)
    }

    @Test("Claims may rest for the longest pause between two of them, beyond what the others may take")
    func idleClaims() async throws {
        let heartbeat = heartbeat()
        heartbeat.waits(1, for: .claims)
        heartbeat.waits(1, for: .commits)
        clock.pass(milliseconds: 300 + Int(DatabaseWait.longestPauseMilliseconds))
        #expect(heartbeat.condition().stuck == ["commits"])
        clock.pass(milliseconds: 1)
        #expect(heartbeat.condition().stuck == ["claims", "commits"])
    }

    @Test("A run that waits in line has a lease's time, one that sends its request's, one in a commit the commit's")
    func runs() async throws {
        let heartbeat = heartbeat(lease: 1500)
        let (committing, working, sending) = (heartbeat.take(), heartbeat.take(), heartbeat.take())
        heartbeat.run(committing, .committing)
        heartbeat.run(sending, .sending(milliseconds: 700))
        heartbeat.run(working)
        heartbeat.waits(1, for: .lockedCommits)
        clock.pass(milliseconds: 301)
        #expect(heartbeat.condition().stuck == ["locked commits"])
        heartbeat.waits(-1, for: .lockedCommits)
        // The request's time is over, then the lease's; a commit's run is never blamed.
        clock.pass(milliseconds: 699)
        #expect(heartbeat.condition().isLive)
        clock.pass(milliseconds: 1)
        #expect(heartbeat.condition().stuck == ["1 run"])
        clock.pass(milliseconds: 800)
        #expect(heartbeat.condition().stuck == ["2 runs"])
        heartbeat.drop(sending)
        heartbeat.run(working)
        #expect(heartbeat.condition().isLive)
        heartbeat.drop(working)
        #expect(heartbeat.condition().runsInHand == 1)
    }

    @Test("Work that comes after a long rest has its whole time")
    func afterRest() async throws {
        let heartbeat = heartbeat()
        heartbeat.moved(.commits)
        heartbeat.waits(1, for: .claims)
        clock.pass(milliseconds: 100_000)
        heartbeat.waits(1, for: .commits)
        #expect(heartbeat.condition().stuck == ["claims"])
    }

    @Test("Asking in vain for a database that is away is movement", arguments: Heartbeat.Lane.allCases)
    func outage(_ lane: Heartbeat.Lane) async throws {
        let heartbeat = heartbeat()
        let run = heartbeat.take()
        heartbeat.waits(1, for: lane)
        for _ in 0..<10 {
            clock.pass(milliseconds: 100)
            heartbeat.databaseFailed(lane, Self.database)
        }
        #expect(heartbeat.condition().stuck == ["1 run"])
        heartbeat.drop(run)
        #expect(heartbeat.condition().isLive && !heartbeat.condition().isReady)
    }

    @Test(
        "What is the matter with the database is told apart, in the log once a minute, in the status and for programs",
        arguments: [
            (StoreError.Code.busy, "locked", "a table locked by somebody for 59 s"),
            (.notMigrated, "other_version", "of another version than the database for 59 s"),
            (.broken, "failing", "refused by the database for 59 s"),
            (.unavailable, "away", "database away for 59 s"),
        ])
    func troubles(_ code: StoreError.Code, _ name: String, _ sentence: String) async throws {
        let log = LogBook()
        let heartbeat = Heartbeat(configuration: WorkerConfiguration(name: "a"), logger: log.logger) { [clock] in
            clock.now
        }
        let pages = HealthPages(
            heartbeat: heartbeat, store: InMemoryStore { Instant(microseconds: 1) }, facts: [:])
        heartbeat.enter(.running)
        heartbeat.claimed(0)
        for _ in 0..<60 {
            heartbeat.databaseFailed(.claims, StoreError(code, "the reason"))
            clock.pass(milliseconds: 1000)
        }
        clock.pass(milliseconds: -1000)
        #expect(heartbeat.condition().sentence.contains(sentence), "\(heartbeat.condition().sentence)")
        let page = try #require(await pages.page("/ready"))
        #expect(!page.isOK && page.body.contains("\"database_trouble\":\"\(name)\""), "\(page.body)")
        #expect(page.body.contains("\"database_reachable\":\(name == "away" ? "false" : "true")"))
        #expect(heartbeat.condition().outages == (name == "away" ? 1 : 0))
        #expect(log.count("the database is away") == (name == "away" ? 1 : 0))
        #expect(log.lines.count == 1 && log.count("the reason") == 1, "\(log.lines)")
        clock.pass(milliseconds: 1000)
        heartbeat.databaseFailed(.claims, StoreError(code, "the reason"))
        #expect(log.lines.count == 2 && log.count("still") == 1 && log.count("\(name)_seconds\": 60") == 1)
        heartbeat.databaseAnswered(.claims)
        #expect(log.lines.count == 3 && log.count("\(name)_ms\": 60000") == 1, "\(log.lines)")
        #expect(heartbeat.condition().isReady)
    }

    @Test("An outage that turns into a lock is told as both, and is over when the last loop gets through")
    func changingTroubles() async throws {
        let log = LogBook()
        let heartbeat = Heartbeat(configuration: WorkerConfiguration(name: "a"), logger: log.logger) { [clock] in
            clock.now
        }
        heartbeat.databaseFailed(.claims, Self.database)
        heartbeat.databaseFailed(.commits, Self.database)
        clock.pass(milliseconds: 5000)
        heartbeat.databaseFailed(.claims, StoreError(.busy, "locked"))
        #expect(heartbeat.condition().databaseAwaySeconds == 5, "the commits have not got through yet")
        heartbeat.databaseAnswered(.commits)
        #expect(heartbeat.condition().trouble == .locked && heartbeat.condition().troubleSeconds == 0)
        heartbeat.databaseAnswered(.claims)
        #expect(heartbeat.condition().trouble == nil)
        #expect(log.count("warning") == 2 && log.count("notice") == 1, "\(log.lines)")
    }

    @Test("An outage that comes again beside a trouble that lasts is told again")
    func outageBesideAnother() {
        let log = LogBook()
        let heartbeat = Heartbeat(configuration: WorkerConfiguration(name: "a"), logger: log.logger) { [clock] in
            clock.now
        }
        heartbeat.databaseFailed(.commits, StoreError(.notMigrated, "changed"))
        for outage in 1...2 {
            heartbeat.databaseFailed(.claims, Self.database)
            #expect(log.count("the database is away") == outage && log.count("still") == 0, "\(log.lines)")
            #expect(heartbeat.condition().outages == Int64(outage))
            heartbeat.databaseAnswered(.claims)
            #expect(heartbeat.condition().trouble == .otherVersion)
            clock.pass(milliseconds: 3_600_000)
        }
    }

    @Test("The first contact is tried again with growing pauses; what is no absence ends the waiting")
    func firstContact() async throws {
        let wait = DatabaseWait(heartbeat: heartbeat())
        let began = ContinuousClock.now
        var tries = 0
        func isAway(_ error: any Error) -> Bool { (error as? StoreError)?.code == .unavailable }
        let answered = try await wait.first(isAway: isAway) {
            tries += 1
            guard tries > 3 else { throw Self.database }
            return tries
        }
        #expect(answered == 4 && began.duration(to: .now) >= .milliseconds(700), "no pauses of 100, 200 and 400 ms")
        await #expect(throws: StoreError.self) {
            try await wait.first(isAway: isAway) { throw StoreError(.notMigrated, "the schema is missing") }
        }
    }

    @Test("The pages: a wedge turns /live and /ready, an outage and a worker that never claimed /ready alone")
    func pages() async throws {
        let heartbeat = heartbeat()
        let store = InMemoryStore { Instant(microseconds: 1) }
        let pages = HealthPages(heartbeat: heartbeat, store: store, facts: [:])
        func green() async throws -> [Bool] {
            var found: [Bool] = []
            for path in ["/live", "/ready"] { found.append(try #require(await pages.page(path)).isOK) }
            return found
        }
        heartbeat.enter(.running)
        #expect(try await green() == [true, false], "it has not claimed yet")
        heartbeat.claimed(0)
        #expect(try await green() == [true, true])
        heartbeat.databaseFailed(.claims, Self.database)
        #expect(try await green() == [true, false])
        heartbeat.databaseAnswered(.claims)
        #expect(try await green() == [true, true])
        heartbeat.waits(1, for: .commits)
        clock.pass(milliseconds: 301)
        #expect(try await green() == [false, false])
        #expect(await pages.page("/live")?.body.contains(#""watchdog":"starved""#) == true)
        heartbeat.moved(.commits)
        #expect(try await green() == [true, true])
        heartbeat.enter(.stopping)
        #expect(try await green() == [true, false])
    }
}
