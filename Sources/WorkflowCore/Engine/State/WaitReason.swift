/// Why nobody works on a live run now. The raw value is the word in the tables, in JSON and in scripts; the sentences for
/// people are `Explanation`'s.
///
/// `turnup.wait_of` works out the first twelve when somebody asks for them; they are not stored. The others are stored
/// with the task, by the worker that had to put the run aside. A test compares the words with those in `sql/`.
public enum WaitReason: String, Sendable, CaseIterable {
    /// The run is not due yet.
    case time
    /// The run is due, and stands in its line.
    case line
    /// A breaker or a person has shut the service.
    case servicePaused = "service_paused"
    /// The half-open trial has not been answered.
    case serviceTrial = "service_trial"
    /// A 429 of the platform asked us to wait.
    case askedToWait = "asked_to_wait"
    /// As many requests of the run's organisation are under way as its limit allows.
    case concurrencyEach = "concurrency_each"
    case concurrencyAll = "concurrency_all"
    /// The run's organisation has used up its rate.
    case rateEach = "rate_each"
    case rateAll = "rate_all"
    /// As many runs of the workflow are live as its limit allows.
    case liveRuns = "live_runs"

    /// The worker that had the run is gone; the next one takes it over.
    case workerLost = "worker_lost"
    /// No worker is connected to the database.
    case noWorker = "no_worker"

    /// The service has no base URL.
    case noBaseURL = "no_base_url"
    /// A credential is not set.
    case noSecret = "no_secret"
    /// The definition names a service that it does not declare.
    case noSuchService = "no_such_service"
    /// A sealed secret cannot be opened.
    case secretUnreadable = "secret_unreadable"
    /// A worker could not advance the run; the worker's log says why.
    case workerError = "worker_error"
}
