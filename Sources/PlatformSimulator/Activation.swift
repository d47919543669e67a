import Foundation

/// How long a new API key is refused before the platform accepts it.
public enum Activation: Sendable, Hashable {
    /// The key works at once.
    case none
    /// Always this many milliseconds.
    case fixed(milliseconds: Int)
    /// Evenly spread between two bounds, both included.
    case uniform(minimumMilliseconds: Int, maximumMilliseconds: Int)
    /// A median with a long tail, which is how measured activation delays look.
    case lognormal(medianMilliseconds: Int, sigma: Double)
    /// Fast with the given probability, slow otherwise.
    case bimodal(fastProbability: Double, fastMilliseconds: Int, slowMilliseconds: Int)
    /// The key never works.
    case never

    /// The delay in milliseconds, or nil for "never".
    func delayMilliseconds(using generator: inout SplitMix64) -> Int? {
        switch self {
        case .none: return 0
        case .fixed(let milliseconds): return milliseconds
        case .uniform(let minimum, let maximum):
            return Int.random(in: minimum...max(minimum, maximum), using: &generator)
        case .lognormal(let median, let sigma):
            // Box-Muller; one minus the unit keeps the logarithm's argument above zero.
            let radius = (-2 * log(1 - generator.unit())).squareRoot()
            let normal = radius * cos(2 * Double.pi * generator.unit())
            return Int(min(Double(median) * exp(sigma * normal), 1e12))
        case .bimodal(let probability, let fast, let slow):
            return generator.unit() < probability ? fast : slow
        case .never: return nil
        }
    }
}

extension Activation: Codable {
    private enum Key: String, CodingKey, CaseIterable {
        case kind
        case milliseconds
        case minimumMilliseconds
        case maximumMilliseconds
        case medianMilliseconds
        case sigma
        case fastProbability
        case fastMilliseconds
        case slowMilliseconds
    }

    public init(from decoder: any Decoder) throws {
        try decoder.refuseKeys(beyond: Key.self)
        let container = try decoder.container(keyedBy: Key.self)
        func count(_ key: Key) throws -> Int { try container.decodeNonNegative(key) }
        switch try container.decode(String.self, forKey: .kind) {
        case "none": self = .none
        case "fixed": self = try .fixed(milliseconds: count(.milliseconds))
        case "uniform":
            self = try .uniform(
                minimumMilliseconds: count(.minimumMilliseconds), maximumMilliseconds: count(.maximumMilliseconds))
        case "lognormal":
            self = try .lognormal(
                medianMilliseconds: count(.medianMilliseconds), sigma: container.decode(Double.self, forKey: .sigma))
        case "bimodal":
            self = try .bimodal(
                fastProbability: container.decode(Double.self, forKey: .fastProbability),
                fastMilliseconds: count(.fastMilliseconds), slowMilliseconds: count(.slowMilliseconds))
        case "never": self = .never
        case let kind:
            throw container.complaint(
                .kind, "'\(kind)' is no activation; write none, fixed, uniform, lognormal, bimodal or never")
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        switch self {
        case .none: try container.encode("none", forKey: .kind)
        case .fixed(let milliseconds):
            try container.encode("fixed", forKey: .kind)
            try container.encode(milliseconds, forKey: .milliseconds)
        case .uniform(let minimum, let maximum):
            try container.encode("uniform", forKey: .kind)
            try container.encode(minimum, forKey: .minimumMilliseconds)
            try container.encode(maximum, forKey: .maximumMilliseconds)
        case .lognormal(let median, let sigma):
            try container.encode("lognormal", forKey: .kind)
            try container.encode(median, forKey: .medianMilliseconds)
            try container.encode(sigma, forKey: .sigma)
        case .bimodal(let probability, let fast, let slow):
            try container.encode("bimodal", forKey: .kind)
            try container.encode(probability, forKey: .fastProbability)
            try container.encode(fast, forKey: .fastMilliseconds)
            try container.encode(slow, forKey: .slowMilliseconds)
        case .never: try container.encode("never", forKey: .kind)
        }
    }
}
