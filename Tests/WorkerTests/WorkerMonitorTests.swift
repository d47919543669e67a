import EventStore
import Synchronization
import Testing
import WorkflowCore

@testable import Worker

/// What counts as wedged, and what may lawfully stand still, by a clock that is set.
@Suite("WorkerMonitor", .timeLimit(.minutes(15)))
struct WorkerMonitorTests {
    private final class HandClock: Sendable {
        private let start = ContinuousClock.now
        private let passed = Mutex(Duration.zero)
        var now: ContinuousClock.Instant { start + passed.withLock { $0 } }
        func pass(milliseconds: Int) { passed.withLock { $0 += .milliseconds(milliseconds) } }
    }

    private let clock = HandClock()
    private static let database = StoreError(.unavailable, "the database is away")

    private func monitor(stall: Int64 = 300, lease: Int64 = 100) -> WorkerMonitor {
        var configuration = WorkerConfiguration(name: "a", leaseMilliseconds: lease, pollMilliseconds: 50)
        configuration.stallMilliseconds = stall
        return WorkerMonitor(configuration: configuration, logger: LogBook().logger) { [clock] in clock.now }
    }

    @Test(arguments: WorkerMonitor.Lane.allCases)
    func `a loop with work that does not move is called stuck; those without work may rest`(_ lane: WorkerMonitor.Lane)
        async throws
    {
        let monitor = monitor()
        for other in WorkerMonitor.Lane.allCases { monitor.moved(other) }
        monitor.waits(1, for: lane)
        // Claims may rest longer: see below.
        let allowed = lane == .claims ? 300 + Int(DatabaseWait.longestPauseMilliseconds) : 300
        clock.pass(milliseconds: allowed)
        #expect(monitor.condition().isLive)
        clock.pass(milliseconds: 1)
        #expect(monitor.condition().stuck == [lane.rawValue])
        monitor.moved(lane)
        #expect(monitor.condition().isLive)
        monitor.waits(-1, for: lane)
    }

    @Test
    func `claims may rest for the longest pause between two of them, beyond what the others may take`() async throws {
        let monitor = monitor()
        monitor.waits(1, for: .claims)
        monitor.waits(1, for: .commits)
        clock.pass(milliseconds: 300 + Int(DatabaseWait.longestPauseMilliseconds))
        #expect(monitor.condition().stuck == ["commits"])
        clock.pass(milliseconds: 1)
        #expect(monitor.condition().stuck == ["claims", "commits"])
    }

    @Test
    func `a run that waits in line has a lease's time, one that sends its request's, one in a commit the commit's`()
        async throws
    {
        let monitor = monitor(lease: 1500)
        let (committing, working, sending) = (monitor.take(), monitor.take(), monitor.take())
        monitor.run(committing, .committing)
        monitor.run(sending, .sending(milliseconds: 700))
        monitor.run(working)
        monitor.waits(1, for: .lockedCommits)
        clock.pass(milliseconds: 301)
        #expect(monitor.condition().stuck == ["locked commits"])
        monitor.waits(-1, for: .lockedCommits)
        // The request's time is over, then the lease's; a commit's run is never blamed.
        clock.pass(milliseconds: 699)
        #expect(monitor.condition().isLive)
        clock.pass(milliseconds: 1)
        #expect(monitor.condition().stuck == ["1 run"])
        clock.pass(milliseconds: 800)
        #expect(monitor.condition().stuck == ["2 runs"])
        monitor.drop(sending)
        monitor.run(working)
        #expect(monitor.condition().isLive)
        monitor.drop(working)
        #expect(monitor.condition().runsInHand == 1)
    }

    @Test func `work that comes after a long rest has its whole time`() async throws {
        let monitor = monitor()
        monitor.moved(.commits)
        monitor.waits(1, for: .claims)
        clock.pass(milliseconds: 100_000)
        monitor.waits(1, for: .commits)
        #expect(monitor.condition().stuck == ["claims"])
    }

    @Test(arguments: WorkerMonitor.Lane.allCases)
    func `asking in vain for a database that is away is movement`(_ lane: WorkerMonitor.Lane) async throws {
        let monitor = monitor()
        let run = monitor.take()
        monitor.waits(1, for: lane)
        for _ in 0..<10 {
            clock.pass(milliseconds: 100)
            monitor.databaseFailed(lane, Self.database)
        }
        #expect(monitor.condition().stuck == ["1 run"])
        monitor.drop(run)
        #expect(monitor.condition().isLive && !monitor.condition().isReady)
    }

    @Test(arguments: [
        (StoreError.Code.busy, "locked", "a table locked by somebody for 59 s"),
        (.notMigrated, "other_version", "of another version than the database for 59 s"),
        (.broken, "failing", "refused by the database for 59 s"),
        (.unavailable, "away", "database away for 59 s"),
        (.outcomeUnknown, "standby", "database waits for its synchronous standby for 59 s"),
        (.readOnly, "read_only", "database only reads (a standby) for 59 s"),
        (.notAllowed, "not_allowed", "database role lacks a right for 59 s, see the log"),
    ])
    func `what is the matter with the database is told apart, in the log once a minute, in the status and for programs`(
        _ code: StoreError.Code, _ name: String, _ sentence: String
    ) async throws {
        let log = LogBook()
        let monitor = WorkerMonitor(configuration: WorkerConfiguration(name: "a"), logger: log.logger) { [clock] in
            clock.now
        }
        let lent = try await LentDatabase()
        let pages = HealthPages(monitor: monitor, store: lent.store, facts: [:])
        monitor.enter(.running)
        monitor.claimed(0)
        var error = StoreError(code, "the reason")
        error.awaitsStandby = name == "standby"
        for _ in 0..<60 {
            monitor.databaseFailed(.claims, error)
            clock.pass(milliseconds: 1000)
        }
        clock.pass(milliseconds: -1000)
        #expect(monitor.condition().sentence.contains(sentence), "\(monitor.condition().sentence)")
        let page = try #require(await pages.page("/ready"))
        #expect(!page.isOK && page.body.contains("\"database_trouble\":\"\(name)\""), "\(page.body)")
        #expect(page.body.contains("\"database_reachable\":\(name == "away" ? "false" : "true")"))
        #expect(monitor.condition().outages == (name == "away" ? 1 : 0))
        #expect(log.count("the database is away") == (name == "away" ? 1 : 0))
        #expect(log.lines.count == 1 && log.count("the reason") == 1, "\(log.lines)")
        clock.pass(milliseconds: 1000)
        monitor.databaseFailed(.claims, error)
        #expect(log.lines.count == 2 && log.count("still") == 1 && log.count("\(name)_seconds\": 60") == 1)
        monitor.databaseAnswered(.claims)
        #expect(log.lines.count == 3 && log.count("\(name)_ms\": 60000") == 1, "\(log.lines)")
        #expect(monitor.condition().isReady)
    }

    @Test
    func `an outage that turns into a lock is told as both, and is over when the last loop gets through`() async throws
    {
        let log = LogBook()
        let monitor = WorkerMonitor(configuration: WorkerConfiguration(name: "a"), logger: log.logger) { [clock] in
            clock.now
        }
        monitor.databaseFailed(.claims, Self.database)
        monitor.databaseFailed(.commits, Self.database)
        clock.pass(milliseconds: 5000)
        monitor.databaseFailed(.claims, StoreError(.busy, "locked"))
        #expect(monitor.condition().databaseAwaySeconds == 5, "the commits have not got through yet")
        monitor.databaseAnswered(.commits)
        #expect(monitor.condition().trouble == .locked && monitor.condition().troubleSeconds == 0)
        monitor.databaseAnswered(.claims)
        #expect(monitor.condition().trouble == nil)
        #expect(log.count("warning") == 2 && log.count("notice") == 1, "\(log.lines)")
    }

    @Test func `an outage that comes again beside a trouble that lasts is told again`() {
        let log = LogBook()
        let monitor = WorkerMonitor(configuration: WorkerConfiguration(name: "a"), logger: log.logger) { [clock] in
            clock.now
        }
        monitor.databaseFailed(.commits, StoreError(.notMigrated, "changed"))
        for outage in 1...2 {
            monitor.databaseFailed(.claims, Self.database)
            #expect(log.count("the database is away") == outage && log.count("still") == 0, "\(log.lines)")
            #expect(monitor.condition().outages == Int64(outage))
            monitor.databaseAnswered(.claims)
            #expect(monitor.condition().trouble == .otherVersion)
            clock.pass(milliseconds: 3_600_000)
        }
    }

    @Test
    func `the first contact is tried again with growing pauses; what is no absence ends the waiting`() async throws {
        let wait = DatabaseWait(monitor: monitor())
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

    @Test func `the pages: a wedge turns /live and /ready, an outage and a worker that never claimed /ready alone`()
        async throws
    {
        let monitor = monitor()
        let lent = try await LentDatabase()
        let pages = HealthPages(monitor: monitor, store: lent.store, facts: [:])
        func green() async throws -> [Bool] {
            var found: [Bool] = []
            for path in ["/live", "/ready"] { found.append(try #require(await pages.page(path)).isOK) }
            return found
        }
        monitor.enter(.running)
        #expect(try await green() == [true, false], "it has not claimed yet")
        monitor.claimed(0)
        #expect(try await green() == [true, true])
        monitor.databaseFailed(.claims, Self.database)
        #expect(try await green() == [true, false])
        monitor.databaseAnswered(.claims)
        #expect(try await green() == [true, true])
        monitor.waits(1, for: .commits)
        clock.pass(milliseconds: 301)
        #expect(try await green() == [false, false])
        #expect(await pages.page("/live")?.body.contains(#""watchdog":"starved""#) == true)
        monitor.moved(.commits)
        #expect(try await green() == [true, true])
        monitor.enter(.stopping)
        #expect(try await green() == [true, false])
    }
}
