import Foundation
import Testing

@testable import PlatformSimulator

@Suite struct ClockTests {
    /// The ledger's times are compared with the database's, which are this machine's wall clock.
    @Test func `a clock made while threads fight for the processor is not behind the wall clock, nor far ahead`() async
    {
        let differences = await withTaskGroup(of: [Double].self) { group in
            for _ in 0..<8 {
                group.addTask {
                    (0..<2000).map { _ in
                        let clock = SimulatorClock()
                        let wall = Date().timeIntervalSince1970 * 1000
                        return Double(clock.nowMilliseconds) - wall
                    }
                }
            }
            return await group.reduce(into: []) { $0 += $1 }
        }
        // Both readings are cut to whole milliseconds.
        #expect(differences.min() ?? 0 > -2)
        // Ahead also when this test lost its turn between its own two readings; mostly it did not.
        #expect(differences.sorted()[differences.count / 2] < 1)
    }
}
