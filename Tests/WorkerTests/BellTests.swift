import Synchronization
import TestSupport
import Testing

@Suite struct BellTests {
    @Test(.timeLimit(.minutes(1)))
    func `a ring while the condition is being looked at is not lost, and wakes all who wait`() async {
        let bell = Bell()
        let turns = Tally()
        await withTaskGroup { group in
            for wanted in 1...20 {
                group.addTask {
                    let isThere = await bell.eventually(seconds: 40) {
                        let seen = turns.numbers.count
                        // It comes true behind the look, before the wait.
                        if seen == wanted - 1 {
                            turns.add(wanted)
                            bell.ring()
                        }
                        return seen >= wanted
                    }
                    #expect(isThere)
                }
            }
        }
        #expect(turns.numbers == Array(1...20))
    }

    @Test func `without a ring the time ends, and the last look counts`() async {
        let bell = Bell()
        let isTrue = Mutex(false)
        #expect(await bell.eventually(seconds: 0.05) { isTrue.withLock { $0 } } == false)
        let looks = Mutex(0)
        let isThere = await bell.eventually(seconds: 0.05) {
            looks.withLock { $0 += 1 }
            return looks.withLock { $0 } == 2
        }
        #expect(isThere)
    }
}
