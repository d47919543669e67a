import EventStore
import Testing

@testable import Diagnostics

/// How long keys take, also of keys that are not active yet or never became so.
@Suite struct ActivationsTests {
    private func active(_ seconds: ClosedRange<Int64>) -> [KeyAge] {
        seconds.map { KeyAge(milliseconds: $0 * 1000, isActive: true) }
    }

    private func open(_ seconds: [Int64]) -> [KeyAge] {
        seconds.map { KeyAge(milliseconds: $0 * 1000, isActive: false) }
    }

    @Test func `without open keys a quantile is the age at that place`() {
        let ages = Activations(active(1...100).shuffled())
        #expect(ages.quantile(0.5) == 50_000 && ages.quantile(0.9) == 90_000 && ages.quantile(0.99) == 99_000)
        #expect(ages.quantile(1) == 100_000 && ages.longestMilliseconds == 100_000)
    }

    @Test func `19 activations say nothing, and 20 do`() {
        #expect(Activations(active(1...19)).quantile(0.5) == nil && Activations(active(1...19)).forecast == nil)
        #expect(Activations(active(1...20)).quantile(0.5) == 10_000)
    }

    /// Freireich's remissions under 6-MP, with which the estimate is taught: median 23 weeks; here each twice and twice
    /// again, because fewer than 20 say nothing.
    @Test func `open keys count up to their age: the textbook's median`() {
        let events: [Int64] = [6, 6, 6, 7, 10, 13, 16, 22, 23]
        let censored: [Int64] = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
        let ages = (0..<4).flatMap { _ in
            events.map { KeyAge(milliseconds: $0, isActive: true) }
                + censored.map { KeyAge(milliseconds: $0, isActive: false) }
        }
        let found = Activations(ages)
        #expect(found.count == 36 && found.openCount == 48)
        #expect(found.quantile(0.5) == 23 && found.quantile(0.25) == 13)
        // Fewer than 60 of 100 ever do.
        #expect(found.quantile(0.6) == nil)
    }

    @Test func `keys that never become active make a quantile longer, or take it away`() {
        let alone = Activations(active(1...60))
        let beside = Activations(active(1...60) + open(Array(repeating: 30, count: 20)))
        #expect(beside.quantile(0.9) ?? 0 > alone.quantile(0.9) ?? .max)
        let never = Activations(active(1...60) + open(Array(repeating: 7200, count: 20)))
        #expect(never.quantile(0.5) == 40_000 && never.quantile(0.9) == nil)
    }

    @Test func `a forecast names the ages and the number`() {
        let sentence = Activations(active(1...212)).forecast?.text
        #expect(sentence == "usually active within 1 min 46 s (p50), 3 min 11 s (p90), of 212")
        let never = Activations(active(1...60) + open(Array(repeating: 7200, count: 20)))
        #expect(never.forecast?.text == "usually active within 40 s (p50), of 60")
        #expect(never.forecast?.nineTenthsMilliseconds == nil && never.forecast?.openCount == 20)
    }
}
