import Diagnostics
import EventStore
import Logging
import WorkflowCore

/// How long keys of each service usually take, trusted for a minute. What cannot be read is not known, and the declared
/// delays stand.
actor ActivationBook {
    private static let freshness: Duration = .seconds(60)

    private let store: any EventStore
    private let logger: Logger
    private var known: [String: (quantiles: ActivationQuantiles?, readAt: ContinuousClock.Instant)] = [:]

    init(store: any EventStore, logger: Logger) {
        self.store = store
        self.logger = logger
    }

    func quantiles(_ service: String) async -> ActivationQuantiles? {
        if let entry = known[service], entry.readAt.duration(to: .now) < Self.freshness { return entry.quantiles }
        do {
            let quantiles = Activations(try await store.keyAges(service: service)).quantiles
            known[service] = (quantiles, .now)
            return quantiles
        } catch {
            logger.debug("the statistics of a service are not to be had", metadata: ["error": "\(error)"])
            return known[service]?.quantiles
        }
    }
}
