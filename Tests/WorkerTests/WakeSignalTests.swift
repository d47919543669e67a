import Testing
import Worker

@Suite("Wake signal")
struct WakeSignalTests {
    private static let long: Int64 = 30_000

    @Test func `a signal before a wait is not lost: the wait returns at once, and only that one`() async {
        let wakeSignal = WakeSignal()
        await wakeSignal.signal()
        let began = ContinuousClock.now
        await wakeSignal.wait(milliseconds: Self.long)
        #expect(began.duration(to: .now) < .seconds(10))
        let second = ContinuousClock.now
        await wakeSignal.wait(milliseconds: 30)
        #expect(second.duration(to: .now) >= .milliseconds(30), "a signal counted twice")
    }

    @Test func `without a signal a wait lasts its time, and none for no time`() async {
        let wakeSignal = WakeSignal()
        let began = ContinuousClock.now
        await wakeSignal.wait(milliseconds: 30)
        #expect(began.duration(to: .now) >= .milliseconds(30))
        await wakeSignal.wait(milliseconds: 0)
        await wakeSignal.wait(milliseconds: -1)
        #expect(began.duration(to: .now) < .seconds(10))
    }

    @Test func `cancelling ends a wait, whether before it or during it`() async {
        let wakeSignal = WakeSignal()
        let began = ContinuousClock.now
        for _ in 0..<100 {
            let waiting = Task { await wakeSignal.wait(milliseconds: Self.long) }
            await Task.yield()
            waiting.cancel()
            await waiting.value
        }
        #expect(began.duration(to: .now) < .seconds(20))
    }

    @Test(.timeLimit(.minutes(15)))
    func `rings and waits from many tasks leave nobody behind`() async {
        let wakeSignal = WakeSignal()
        let began = ContinuousClock.now
        await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<200 { await wakeSignal.wait(milliseconds: Self.long) }
                    return true
                }
            }
            // Rings until all have had their waits.
            group.addTask {
                while !Task.isCancelled {
                    await wakeSignal.signal()
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
