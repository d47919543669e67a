import Diagnostics
public import EventStore
public import Logging
public import ServiceLifecycle
import Synchronization
import WorkflowCore

/// Reads what has ended, was held or goes on again into the statistics, soon after it has happened and beside the runs'
/// own commits; and writes down what each end was due to. What is to be read stands in the run rows, so a worker that
/// dies on the way loses nothing; two workers that read the same run write the same row.
public struct StatisticsPass: Service {
    private let store: PostgresStore
    private let actor: String
    private let intervalMilliseconds: Int64
    private let pageRuns: Int
    private let logger: Logger
    private let trouble = Trouble()

    /// The last failure, so that it is logged once and not every few seconds.
    private final class Trouble: Sendable {
        private let text = Mutex<String?>(nil)

        func isNew(_ new: String?) -> Bool {
            text.withLock { text in
                defer { text = new }
                return text != new && new != nil
            }
        }
    }

    /// It works at most half of the time, however much there is to read.
    public init(
        store: PostgresStore, actor: String, intervalMilliseconds: Int64 = 5000, pageRuns: Int = 100, logger: Logger
    ) {
        self.store = store
        self.actor = actor
        self.intervalMilliseconds = max(100, intervalMilliseconds)
        self.pageRuns = max(1, pageRuns)
        self.logger = logger
    }

    /// Returns when the task is cancelled or the service is to end.
    public func run() async {
        await cancelWhenGracefulShutdown {
            while true {
                // Workers that were started together do not all look at the same moment.
                let pause = intervalMilliseconds / 2 + Int64.random(in: 0...intervalMilliseconds)
                do { try await Task.sleep(for: .milliseconds(pause)) } catch { return }
                await look(atMost: .milliseconds(intervalMilliseconds))
            }
        }
    }

    /// Reads runs until there are no more, or the time is over. Returns how many were written.
    @discardableResult
    public func look(atMost time: Duration = .seconds(3600)) async -> Int {
        let end = ContinuousClock.now + time
        var (after, written): (Identifier?, Int) = (nil, 0)
        do {
            while ContinuousClock.now < end, !Task.isCancelled {
                let page = try await store.runsWithNews(after: after, limit: pageRuns)
                guard let last = page.last else { break }
                written += try await read(page)
                after = last.run.id
            }
            _ = trouble.isNew(nil)
        } catch let error as StoreError where error.isPassing {
            // The claims say so once for the whole worker.
            logger.debug("the statistics were not kept", metadata: ["error": "\(error.message)"])
        } catch {
            guard !Task.isCancelled, trouble.isNew("\(error)") else { return written }
            logger.error("the statistics could not be kept", metadata: ["error": "\(error)"])
        }
        return written
    }

    private func read(_ page: [RunHistory]) async throws -> Int {
        var diagnoses: [Identifier: JSONObject] = [:]
        var fleets = FleetCache()
        let page = page.filter(\.isReadable)
        for history in page where history.isToDiagnose {
            let evidence = try await Evidence.gather(history.run, from: store, keyName: nil, &fleets)
            diagnoses[history.run.id] = diagnose(evidence).event(of: history.run.id)
        }
        let answers = try await store.record(page.map { FleetRecord($0) }, diagnoses: diagnoses, by: actor)
        return answers.values.count { $0 == .recorded }
    }
}
