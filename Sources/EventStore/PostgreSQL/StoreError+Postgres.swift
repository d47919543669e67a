import Postgres
import WorkflowCore

extension StoreError {
    /// Puts a database error into the store's words. The functions' own SQLSTATEs begin with TU.
    init(_ error: PostgresError) {
        switch (error.kind, error.sqlState) {
        case (_, "TU001"): self.init(.unknownWorkflow, error.message, hint: error.hint)
        case (_, "TU002"): self.init(.badInput, error.message, hint: error.hint)
        case (_, "TU003"):
            self.init(.keyConflict, error.message, hint: error.hint, runId: Self.run(in: error))
        case (_, "TU007"): self.init(.notTaken, error.message, hint: error.hint, runId: Self.run(in: error))
        case (_, "TU008"): self.init(.behind, error.message, hint: error.hint, runId: Self.run(in: error))
        case (_, "TU004"): self.init(.notFound, error.message, hint: error.hint)
        case (_, "TU005"): self.init(.appendOnly, error.message, hint: error.hint)
        case (_, "TU006"): self.init(.unsuitableDatabase, error.message, hint: error.hint)
        case (.outcomeUnknown, _):
            self.init(.outcomeUnknown, error.description, hint: "Look whether it took effect before doing it again.")
        case (_, "42883"):
            self.init(
                .notMigrated, "the database lacks a function that this turnup calls: \(error.description)",
                hint: "Run \"turnup migrate\", unless a newer turnup has: then use that version here too.")
        case (_, "3F000"), (_, "42P01"):
            self.init(
                .notMigrated, "the database has no schema of Turnup, or an older one",
                hint: "Run \"turnup migrate\".")
        case (.invalidConfiguration, _):
            self.init(.badInput, error.description, hint: "Check --database-url or TURNUP_DATABASE_URL.")
        case (_, "42501"):
            self.init(
                .unavailable, error.description, hint: "The database role lacks a privilege; ask the database's owner.")
        case (.authenticationFailed, _):
            self.init(.unavailable, error.description)
        case (_, let state?) where state.hasPrefix("28") || state == "3D000":
            self.init(.unavailable, error.description)
        case (.invalidParameter, _):
            self.init(.refused, error.description)
        case (_, let state?) where ["22", "23", "54"].contains(state.prefix(2)):
            self.init(.refused, error.description)
        // Waited for a lock for longer than this session may.
        case (_, "55P03"): self.init(.busy, error.description)
        // 57014: the server ended a statement that took too long.
        case (_, "57014"), (.cancelled, _), (.connectionClosed, _), (.poolClosed, _):
            self.init(.unavailable, error.description)
        case _
        where error.isConnectionProblem || error.isRetryable || error.isReadOnlyServer
            || error.sqlState?.hasPrefix("53") == true || error.kind == .timeout:
            self.init(.unavailable, error.description)
        default:
            self.init(.broken, error.description)
        }
    }
    private static func run(in error: PostgresError) -> String? {
        error.detail.flatMap { try? JSONValue.parse($0)["run"]?.stringValue }
    }
}
