import Testing

@testable import WorkerMachines

/// What the queue of commits answers, as a table; no store and no clock.
@Suite struct CommitQueueTests {
    private typealias Action = CommitQueue.Action

    @Test func `a lone commit goes at once, and what comes while it is in flight goes as one batch`() {
        var queue = CommitQueue()
        #expect(queue.submit(1) == [.write([1], flow: 1, .ordinary)])
        #expect(queue.submit(2) == [] && queue.submit(3) == [])
        #expect(queue.written(flow: 1) == [.write([2, 3], flow: 1, .ordinary)])
        #expect(queue.written(flow: 1) == [])
        #expect(queue.submit(4) == [.write([4], flow: 2, .ordinary)], "the flow has ended")
    }

    @Test func `a second batch goes beside the first one when it is large, a third never, and none is larger than 500`()
    {
        var queue = CommitQueue()
        _ = queue.submit(0)
        for ticket in 1..<64 { #expect(queue.submit(UInt64(ticket)) == []) }
        #expect(queue.submit(64) == [.write(Array(1...64), flow: 2, .ordinary)])
        for ticket in 65..<700 { #expect(queue.submit(UInt64(ticket)) == []) }
        #expect(queue.written(flow: 1) == [.write(Array(65..<565), flow: 1, .ordinary)])
        #expect(queue.written(flow: 2) == [.write(Array(565..<700), flow: 2, .ordinary)])
    }

    @Test func `in an outage the same batch goes again, ever later up to a second, and nothing overtakes it`() {
        var queue = CommitQueue()
        _ = queue.submit(1)
        for pause in [50, 100, 200, 400, 800, 1000, 1000] as [Int64] {
            #expect(queue.failed(flow: 1, .outage) == [.pause(flow: 1, milliseconds: pause)])
            #expect(queue.isOut && queue.submit(9) == [])
            #expect(queue.pauseOver(flow: 1) == [.write([1], flow: 1, .ordinary)])
        }
        #expect(queue.written(flow: 1) == [.write(Array(repeating: 9, count: 7), flow: 1, .ordinary)])
        #expect(!queue.isOut)
    }

    @Test func `what fails four times goes in halves, because it may be a statement too large for its time`() {
        var queue = flying([1, 2, 3])
        for _ in 0..<3 {
            _ = queue.failed(flow: 1, .outage)
            #expect(queue.pauseOver(flow: 1) == [.write([1, 2, 3], flow: 1, .ordinary)])
        }
        _ = queue.failed(flow: 1, .outage)
        #expect(queue.pauseOver(flow: 1) == [.write([1], flow: 1, .ordinary)])
        #expect(queue.written(flow: 1) == [.write([2, 3], flow: 1, .ordinary)])
    }

    @Test func `a commit that is refused is found by halving, and fails alone`() {
        var queue = flying([1, 2, 3, 4])
        #expect(queue.failed(flow: 1, .refused) == [.write([1, 2], flow: 1, .ordinary)])
        #expect(queue.written(flow: 1) == [.write([3, 4], flow: 1, .ordinary)])
        #expect(queue.failed(flow: 1, .refused) == [.write([3], flow: 1, .ordinary)])
        #expect(
            queue.failed(flow: 1, .refused) == [.fail([3], flow: 1), .write([4], flow: 1, .ordinary)])
        #expect(queue.written(flow: 1) == [])
    }

    @Test func `commits whose rows somebody holds wait apart, and the others go on at once`() {
        var queue = flying([1, 2, 3])
        #expect(
            queue.failed(flow: 1, .busy([2])) == [
                .pause(flow: 2, milliseconds: 20), .write([1, 3], flow: 1, .ordinary),
            ])
        #expect(queue.pauseOver(flow: 2) == [.write([2], flow: 2, .locked)])
        #expect(queue.failed(flow: 2, .busy([2])) == [.pause(flow: 2, milliseconds: 40)])
        #expect(queue.pauseOver(flow: 2) == [.write([2], flow: 2, .locked)])
        #expect(queue.written(flow: 2) == [] && queue.written(flow: 1) == [])
    }

    @Test func `when nobody knows who holds what, all wait apart and later ones are not held up`() {
        var queue = flying([1, 2])
        #expect(queue.failed(flow: 1, .busy([])) == [.pause(flow: 2, milliseconds: 20)])
        #expect(queue.submit(3) == [.write([3], flow: 3, .ordinary)])
        #expect(queue.pauseOver(flow: 2) == [.write([1, 2], flow: 2, .locked)])
    }

    @Test func `a database of another version fails the batch and the next one is tried`() {
        var queue = flying([1, 2])
        _ = queue.submit(3)
        #expect(
            queue.failed(flow: 1, .otherVersion) == [.fail([1, 2], flow: 1), .write([3], flow: 1, .ordinary)])
    }

    @Test func `who gives up is woken from every pause, and fails what the database does not take`() {
        var queue = flying([1, 2, 3])
        _ = queue.failed(flow: 1, .busy([3]))
        #expect(queue.failed(flow: 1, .outage) == [.pause(flow: 1, milliseconds: 50)])
        #expect(queue.giveUp() == [.write([1, 2], flow: 1, .ordinary), .write([3], flow: 2, .locked)])
        #expect(queue.failed(flow: 1, .outage) == [.fail([1, 2], flow: 1)])
        #expect(queue.failed(flow: 2, .busy([3])) == [.fail([3], flow: 2)])
        #expect(queue.pauseOver(flow: 1) == [], "a pause that was shortened ends once")
    }

    @Test func `an answer that nobody waits for changes nothing`() {
        var queue = CommitQueue()
        #expect(queue.written(flow: 7) == [] && queue.failed(flow: 7, .outage) == [] && queue.pauseOver(flow: 7) == [])
    }

    /// One batch of these in flight, in flow 1.
    private func flying(_ tickets: [UInt64]) -> CommitQueue {
        var queue = CommitQueue()
        _ = queue.submit(0)
        for ticket in tickets { _ = queue.submit(ticket) }
        _ = queue.written(flow: 1)
        return queue
    }
}
