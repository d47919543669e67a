import PlatformSimulator
import Testing

@Suite struct SeedTests {
    @Test func `the generator gives the published sequence, by drawing three numbers from seed 1234567`() {
        var generator = SplitMix64(seed: 1_234_567)
        #expect(generator.next() == 6_457_827_717_110_365_317)
        #expect(generator.next() == 3_203_168_211_198_807_973)
        #expect(generator.next() == 9_817_491_932_198_370_423)
    }

    @Test func `the same seed gives the same keys and delays, whatever the order of arrival`() async throws {
        let ahead = try await delays(seed: 7, organisations: ["a", "b", "a", "b", "a"])
        let behind = try await delays(seed: 7, organisations: ["b", "b", "a", "a", "a"])
        let other = try await delays(seed: 8, organisations: ["a", "b", "a", "b", "a"])
        #expect(ahead == behind)
        #expect(ahead != other)
        #expect(Set(ahead.values.map(\.milliseconds)).count == 5)
    }

    private struct Delay: Equatable {
        let apiKey: String
        let milliseconds: Int?
    }

    private func delays(seed: UInt64, organisations: [String]) async throws -> [String: Delay] {
        var found: [String: Delay] = [:]
        let behaviour = Behaviour.having {
            $0.activation = .lognormal(medianMilliseconds: 60_000, sigma: 1)
            $0.firstClientToo = true
        }
        try await simulating(seed: seed, behaviour: behaviour) { simulator, calls, _ in
            for organisation in organisations { _ = try await calls.create(organisation) }
            for client in simulator.clients() {
                let delay = client.activeAtMilliseconds.map { $0 - client.createdAtMilliseconds }
                found["\(client.organisation)-\(client.ordinal)"] = Delay(apiKey: client.apiKey, milliseconds: delay)
            }
        }
        return found
    }

    @Test func `a fault with a probability hits the same requests of an organisation in every run`() async throws {
        let first = try await hits(seed: 3, organisations: ["a", "b"])
        #expect(try await hits(seed: 3, organisations: ["b", "a"]) == first)
        #expect(try await hits(seed: 4, organisations: ["a", "b"]) != first)
        #expect(Set(first["a", default: []]) == [false, true])
    }

    private func hits(seed: UInt64, organisations: [String]) async throws -> [String: [Bool]] {
        var found: [String: [Bool]] = [:]
        let rule = FaultRule(name: "coin", trigger: .probability(0.5), effect: .status(503))
        try await simulating(faults: [rule], seed: seed) { simulator, calls, _ in
            for _ in 1...16 {
                for organisation in organisations { _ = try await calls.create(organisation) }
            }
            for entry in simulator.ledger() {
                found[entry.organisation ?? "", default: []].append(entry.faults == ["coin"])
            }
        }
        return found
    }

    @Test func `seeded outages come one after the other and repeat with the seed`() {
        let windows = OutageWindow.seeded(seed: 5, count: 20, meanUpMilliseconds: 1000, meanDownMilliseconds: 100)
        #expect(windows == OutageWindow.seeded(seed: 5, count: 20, meanUpMilliseconds: 1000, meanDownMilliseconds: 100))
        #expect(zip(windows, windows.dropFirst()).allSatisfy { $0.toMilliseconds < $1.fromMilliseconds })
        #expect(Set(windows.map(\.refuse)) == [false, true])
    }
}
