import Testing

@testable import WorkerMachines

/// How long a worker waits between two claims, as a table.
@Suite struct ClaimPacerTests {
    private func pacer() -> ClaimPacer {
        ClaimPacer(pollMilliseconds: 1000, otherVersionPauseMilliseconds: 60_000, longestOutageMilliseconds: 2000)
    }

    @Test func `it comes back when a line says so, and at the latest after the poll`() {
        var pacer = pacer()
        #expect(pacer.answered(runs: 3, next: 250, .fits) == 250)
        #expect(pacer.answered(runs: 0, next: 250, .fits) == 250)
        #expect(pacer.answered(runs: 0, next: 90_000, .fits) == 1000)
        #expect(pacer.answered(runs: 0, next: nil, .fits) == 1000)
        #expect(pacer.answered(runs: 2, next: 0, .fits) == 0, "there is more at once")
        #expect(pacer.waitWithoutRoom == 1000 && pacer.waitForAnswersInHand == 100)
    }

    @Test func `what is due and held by others is asked for ever more seldom, until a claim gets something`() {
        var pacer = pacer()
        #expect((0..<5).map { _ in pacer.answered(runs: 0, next: 0, .fits) } == [1, 2, 4, 8, 16])
        #expect(pacer.answered(runs: 0, next: 40, .fits) == 40)
        #expect(pacer.answered(runs: 0, next: 0, .fits) == 32)
        #expect(pacer.answered(runs: 1, next: 0, .fits) == 0)
        #expect(pacer.answered(runs: 0, next: 0, .fits) == 1)
        for _ in 0..<40 { _ = pacer.answered(runs: 0, next: 0, .fits) }
        #expect(pacer.answered(runs: 0, next: 0, .fits) == 1000)
    }

    @Test func `an outage is asked about at 100 ms, doubling up to the longest, and from the start after an answer`() {
        var pacer = pacer()
        #expect((0..<7).map { _ in pacer.failed() } == [100, 200, 400, 800, 1600, 2000, 2000])
        _ = pacer.answered(runs: 0, next: nil, .fits)
        #expect(pacer.failed() == 100)
    }

    @Test func `on a database of another version no run is taken, but for one after the pause`() {
        var pacer = pacer()
        #expect(pacer.mostRuns(.fits) == .max)
        #expect(pacer.mostRuns(.otherVersion(milliseconds: 59_999)) == 0)
        #expect(pacer.mostRuns(.otherVersion(milliseconds: 60_000)) == 1)
        #expect(pacer.answered(runs: 0, next: 0, .otherVersion(milliseconds: 5)) == 1000)
    }
}
