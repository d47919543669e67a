import EventStore
import Metrics
import Synchronization
import WorkflowCore

/// The worker's measurements, for the metrics system that the program was started with; without one they cost next to
/// nothing.
///
/// Names follow OpenMetrics: a unit at the end, times in seconds as the system's timers give them.
struct WorkerMetrics: Sendable {
    private let claims = Timer(label: "turnup_claim_duration")
    private let claimedRuns = Counter(label: "turnup_claimed_runs")
    private let queueAge = Timer(label: "turnup_queue_age")
    private let permits = Permits()

    /// A claim was answered. A run's age in the queue counts from the time at which it was due.
    func claimed(_ answer: ClaimAnswer, took: Duration) {
        claims.record(duration: took)
        guard !answer.runs.isEmpty else { return }
        claimedRuns.increment(by: answer.runs.count)
        for run in answer.runs {
            queueAge.recordMicroseconds(max(0, run.claimedAt.microseconds - run.due.microseconds))
            permits.add(1, run.service)
        }
    }

    /// A run is out of hand; its permit went back with its last commit.
    func gave(_ service: String) { permits.add(-1, service) }

    /// An attempt has come to something.
    func attempted(_ result: AttemptResult, service: String, took: Duration) {
        let dimensions = [("service", service), ("outcome", result.outcome.rawValue)]
        Timer(label: "turnup_attempt_duration", dimensions: dimensions).record(duration: took)
    }

    /// Runs in hand, by the service that their permits are for.
    private final class Permits: Sendable {
        private let counts = Mutex<[String: Int]>([:])

        func add(_ count: Int, _ service: String) {
            counts.withLock { counts in
                counts[service, default: 0] += count
                Meter(label: "turnup_permits_in_hand", dimensions: [("service", service)]).set(
                    counts[service, default: 0])
            }
        }
    }
}

/// What the commits of a worker measure.
struct CommitMetrics: Sendable {
    private let durations = Timer(label: "turnup_commit_duration")
    private let sizes = Recorder(label: "turnup_commit_runs")

    func wrote(_ runs: Int, took: Duration) {
        durations.record(duration: took)
        sizes.record(runs)
    }
}
