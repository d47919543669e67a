public import WorkflowCore

/// What a store could not do, in words for people and a code for programs.
public struct StoreError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The error for a workflow that is not published; `version` nil: no version of the workflow is published.
    public static func notPublished(_ workflow: String, version: Int? = nil, hint: String? = nil) -> StoreError {
        StoreError(
            .unknownWorkflow, "workflow \"\(workflow)\"\(version.map { " version \($0)" } ?? "") is not published",
            hint: hint ?? notPublishedHint)
    }

    static let notPublishedHint = "See \"turnup workflow list\"; publish it with \"turnup workflow publish FILE\"."

    /// Stable: printed with `--json` and in logs.
    public enum Code: String, Sendable {
        case unknownWorkflow = "unknown_workflow"
        case badInput = "bad_input"
        case keyConflict = "key_conflict"
        /// The run, as it stands, does not allow what was asked.
        case notTaken = "not_taken"
        /// The run has moved on since it was looked at.
        case behind
        case alreadyPublished = "already_published"
        case notFound = "not_found"
        case appendOnly = "append_only"
        case wrongKeyRing = "wrong_key_ring"
        /// Turnup cannot live in this database, however it is migrated.
        case unsuitableDatabase = "unsuitable_database"
        case notMigrated = "not_migrated"
        case newerSchema = "newer_schema"
        case changedMigration = "changed_migration"
        /// The data was refused: our mistake, or a poisonous value. Retrying cannot help.
        case refused
        /// No connection, or a busy server: try again later. Nothing was written.
        case unavailable
        /// Somebody else holds a row: try again later. Nothing was written.
        case busy
        /// The database's role lacks a right: somebody must grant it. Nothing was written.
        case notAllowed = "not_allowed"
        /// The server only reads, as a standby does. Nothing was written.
        case readOnly = "read_only"
        /// The connection broke while a write was under way, or nobody confirmed it: look whether it landed.
        case outcomeUnknown = "outcome_unknown"
        case broken
    }

    public let code: Code
    public let message: String
    public let hint: String?
    /// The run that stands in the way, for `keyConflict`, `notTaken` and `behind`.
    public let runId: String?
    /// The runs whose rows somebody else holds, for `busy`; empty when that is not known.
    public var lockedRuns: Set<Identifier> = []
    /// For `outcomeUnknown`: it landed, and the server's synchronous standby has not confirmed it.
    public var awaitsStandby = false

    public init(_ code: Code, _ message: String, hint: String? = nil, runId: String? = nil) {
        self.code = code
        self.message = message
        self.hint = hint
        self.runId = runId
    }

    public var description: String { hint.map { "\(message)\n\($0)" } ?? message }
}
