public import EventStore
public import Logging
import Synchronization
import WorkflowCore

/// What some worker must do now and then: partitions for the events of coming months, and a repair of lines that lost a
/// note, which otherwise would keep their runs waiting for ever.
public final class Upkeep: Sendable {
    private struct State {
        var place: LinePlace?
        /// The last failure, so that it is logged once and not every minute.
        var trouble: String?
    }

    private let store: PostgresStore
    private let logger: Logger
    private let organisations: Int
    private let state = Mutex(State())

    /// Each run looks at so many organisations' places, and goes on where the last one ended.
    public init(store: PostgresStore, organisations: Int = 10_000, logger: Logger) {
        self.store = store
        self.organisations = organisations
        self.logger = logger
    }

    func run() async {
        do {
            for name in try await store.makePartitions() {
                logger.notice("made a partition for coming events", metadata: ["partition": "\(name)"])
            }
            let repair = try await store.repairLines(after: state.withLock { $0.place }, organisations: organisations)
            state.withLock { state in
                state.place = repair.last
                state.trouble = nil
            }
            guard repair.repaired > 0 else { return }
            logger.warning(
                "runs waited in no line; they were put back",
                metadata: [
                    "lines": "\(repair.repaired)", "run": "\(repair.run?.description ?? "none")",
                    "line": "\(repair.line ?? "")", "found": "\(repair.found ?? "")",
                ])
        } catch let error as StoreError where error.isPassing {
            // The claims say so once for the whole worker.
            logger.debug("the upkeep was not made", metadata: ["error": "\(error.message)"])
        } catch {
            guard !Task.isCancelled else { return }
            let isNew = state.withLock { state in
                defer { state.trouble = "\(error)" }
                return state.trouble != "\(error)"
            }
            if isNew { logger.error("partitions or lines could not be looked after", metadata: ["error": "\(error)"]) }
        }
    }
}
