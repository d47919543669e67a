/// How to see, after success, whether what a run made is still there and works.
public struct InspectDefinition: Sendable, Equatable {
    public enum Look: Sendable, Equatable {
        /// A call that works as long as all is well.
        case call(CallDefinition)
        /// Of the definition `save`, `one` and `none` say nothing here: nothing is taken over.
        case lookUp(ReconcileDefinition)
    }

    /// A shorter time between two inspections would be a load, not a look.
    static let shortestEveryMilliseconds: Int64 = 60_000

    public let look: Look
    /// Calls that are sent before it, at each try, such as one that gets a fresh token; harmless to repeat.
    public let before: [CallDefinition]
    /// The errors that mean that the thing is gone, or does not work any more.
    public let drifted: [String]
    /// From one inspection to the next; nil: only when somebody asks.
    public let everyMilliseconds: Int64?
    /// As a state's, for all requests of the inspection.
    public let retry: [RetryEntry]
    public let retriesNothing: Bool

    public init(
        _ look: Look, before: [CallDefinition] = [], drifted: [String] = [], everyMilliseconds: Int64? = nil,
        retry: [RetryEntry] = [], retriesNothing: Bool = false
    ) {
        self.look = look
        self.before = before
        self.drifted = drifted
        self.everyMilliseconds = everyMilliseconds
        self.retry = retry
        self.retriesNothing = retriesNothing
    }

    public var lookUp: ReconcileDefinition? { if case .lookUp(let lookUp) = look { lookUp } else { nil } }

    /// The last request of an inspection, which tells.
    public var call: CallDefinition {
        switch look {
        case .call(let call): call
        case .lookUp(let lookUp): lookUp.call
        }
    }

    /// The time to a run's first inspection. Runs that succeed together are spread over the whole time by their ids.
    public func firstMilliseconds(of run: Identifier) -> Int64? {
        guard let everyMilliseconds, everyMilliseconds > 0 else { return nil }
        return Int64(run.randomBits % UInt64(everyMilliseconds)).addingClamped(1)
    }
}
