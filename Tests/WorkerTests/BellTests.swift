import Testing
import Worker

@Suite("Bell")
struct BellTests {
    private static let long: Int64 = 30_000

    @Test("A ring before a wait is not lost: the wait returns at once, and only that one")
    func keptRing() async {
        let bell = Bell()
        await bell.ring()
        let began = ContinuousClock.now
        await bell.wait(milliseconds: Self.long)
        #expect(began.duration(to: .now) < .seconds(10))
        let second = ContinuousClock.now
        await bell.wait(milliseconds: 30)
        #expect(second.duration(to: .now) >= .milliseconds(30), "a ring counted twice")
    }

    @Test("Without a ring a wait lasts its time, and none for no time")
    func timeout() async {
        let bell = Bell()
        let began = ContinuousClock.now
        await bell.wait(milliseconds: 30)
        #expect(began.duration(to: .now) >= .milliseconds(30))
        await bell.wait(milliseconds: 0)
        await bell.wait(milliseconds: -1)
        #expect(began.duration(to: .now) < .seconds(10))
    }

    @Test("Cancelling ends a wait, whether before it or during it")
    func cancellation() async {
        let bell = Bell()
        let began = ContinuousClock.now
        for _ in 0..<100 {
            let waiting = Task { await bell.wait(milliseconds: Self.long) }
            await Task.yield()
            waiting.cancel()
            await waiting.value
        }
        #expect(began.duration(to: .now) < .seconds(20))
    }

    @Test("Rings and waits from many tasks leave nobody behind", .timeLimit(.minutes(5)))
    func crowd() async {
        let bell = Bell()
        let began = ContinuousClock.now
        await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<200 { await bell.wait(milliseconds: Self.long) }
                    return true
                }
            }
            // Rings until all have had their waits.
            group.addTask {
                while !Task.isCancelled {
                    await bell.ring()
                    await Task.yield()
                }
                return false
            }
            var finished = 0
            for await isWaiter in group where isWaiter {
                finished += 1
                if finished == 8 { group.cancelAll() }
            }
            #expect(finished == 8)
        }
        #expect(began.duration(to: .now) < .seconds(25), "somebody waited for the end of the time")
    }
}
