import ArgumentParser

/// What the commands of workers say, and what they write into a worker's log.
enum WorkerTexts {
    // MARK: Options

    static func badHealth(_ reason: String) -> ValidationError { ValidationError("--health: \(reason)") }

    // MARK: Health

    static let nobodyFound = CommandFailure.failed(
        "no worker of this machine gives its health where it is looked for",
        hint: "Name the place that \"turnup worker\" logs when it starts.")

    static func health(_ place: String, _ word: String, says: String) -> String { "\(place): \(word); \(says)" }
    static let ready = "ready"
    static let notReady = "not ready"
    static let live = "live"
    static let notLive = "not live"

    static let noWorkersAnswer = "the answer is not a worker's"
    static let noPermission = "no permission to ask; do it as the worker's account or as root"
    static let nobodyAnswers = "nobody answers"
    static func noAnswer(_ reason: String) -> String { "no answer: \(reason)" }

    // MARK: The log

    static func healthIsAt(_ place: String) -> String { "health is given at \(place)" }
    static let noHealth = "this worker gives no health"
    static let pooled = "a connection pooler lets no wake-up through; new runs are found by looking"
    static func runs(_ name: String) -> String { "worker \(name) runs" }
    static func stopped(_ name: String) -> String { "worker \(name) stopped" }
    static let newerSchema = "the database was migrated by a newer turnup"

    // MARK: The schema

    static func lacks(_ migrations: [String]) -> String { "the database lacks \(migrations.joined(separator: ", "))" }
    static let migrateHint = "Run \"turnup migrate\"."
}
