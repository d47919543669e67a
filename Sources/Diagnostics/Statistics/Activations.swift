public import EventStore
public import WorkflowCore

/// How long keys take until the platform accepts them.
///
/// The estimate is Kaplan and Meier's: a key that is not accepted, or not yet, counts among those at risk up to the age
/// at which that was last seen. Leaving such keys out would make every quantile too short.
public struct Activations: Sendable, Equatable {
    /// Fewer say too little.
    public static let fewest = ActivationQuantiles.fewestActivations

    /// The shortest first; of equal ages those that were accepted.
    private let ages: [KeyAge]
    /// Keys that were accepted.
    public let count: Int

    public init(_ ages: [KeyAge]) {
        self.ages = ages.sorted { ($0.milliseconds, $0.isActive ? 0 : 1) < ($1.milliseconds, $1.isActive ? 0 : 1) }
        count = ages.count { $0.isActive }
    }

    /// Keys that were never accepted, or not yet.
    public var openCount: Int { ages.count - count }

    /// The age by which this share of all keys is accepted; nil: too few were, or fewer than that share ever are.
    public func quantile(_ share: Double) -> Int64? {
        guard count >= Self.fewest else { return nil }
        var inactive = 1.0
        for (place, age) in ages.enumerated() where age.isActive {
            inactive *= 1 - 1 / Double(ages.count - place)
            // Products of fractions are a little off.
            if inactive <= 1 - share + 1e-9 { return age.milliseconds }
        }
        return nil
    }

    /// The longest that any key took.
    public var longestMilliseconds: Int64? { ages.last { $0.isActive }?.milliseconds }

    /// The points that place tries; nil: too few keys were accepted.
    public var quantiles: ActivationQuantiles? {
        guard count >= Self.fewest else { return nil }
        return ActivationQuantiles(
            points: ActivationQuantiles.percents.compactMap { percent in
                quantile(Double(percent) / 100).map { ActivationQuantiles.Point(percent: percent, milliseconds: $0) }
            }, activations: count)
    }

    /// What a new key may expect; nil: too few keys were accepted.
    public var forecast: Forecast? {
        quantile(0.5).map {
            Forecast(
                halfMilliseconds: $0, nineTenthsMilliseconds: quantile(0.9), mostMilliseconds: quantile(0.99),
                count: count, openCount: openCount)
        }
    }
}

/// When a key is usually accepted.
public struct Forecast: Sendable, Equatable {
    /// The ages by which 50, 90 and 99 of 100 keys are accepted; nil: fewer than that ever are.
    public let halfMilliseconds: Int64
    public let nineTenthsMilliseconds: Int64?
    public let mostMilliseconds: Int64?
    /// Of how many keys that were accepted, and how many that were not or not yet.
    public let count: Int
    public let openCount: Int

    /// `usually active within 4 s (p50), 31 s (p90), of 212`.
    public var text: String {
        let late = nineTenthsMilliseconds.map { ", \(Phrases.span(milliseconds: $0)) (p90)" } ?? ""
        return "usually active within \(Phrases.span(milliseconds: halfMilliseconds)) (p50)\(late), of \(count)"
    }
}

extension Activations {
    /// The newest keys of a service.
    public static func of(service: String, in store: PostgresStore) async throws -> Activations {
        Activations(try await store.keyAges(service: service))
    }
}
