public import Postgres
import WorkflowCore

extension StoreError {
    /// An error that our own SQL functions raise; nil for any other SQLSTATE.
    init?(state: String?, _ message: String, hint: String?, _ facts: ErrorFacts) {
        let hint = facts.hint ?? hint
        switch state {
        case "TU001":
            self.init(.unknownWorkflow, message, hint: StoreError.notPublishedHint)
        case "TU002": self.init(.badInput, message, hint: hint)
        case "TU003": self.init(.keyConflict, message, hint: hint, runId: facts.run)
        case "TU004": self.init(.notFound, message, hint: hint)
        case "TU005": self.init(.appendOnly, message, hint: hint)
        case "TU006": self.init(.unsuitableDatabase, message, hint: hint)
        case "TU007": self.init(.notTaken, message, hint: hint, runId: facts.run)
        case "TU008":
            self.init(
                .behind, message, hint: facts.run.map { "See \"turnup show \($0)\", then decide again." },
                runId: facts.run)
        default: return nil
        }
    }

    /// Puts a database error into the store's words.
    public init(_ error: PostgresError) {
        if let own = StoreError(
            state: error.sqlState, error.message, hint: error.hint, ErrorFacts(error.detail))
        {
            self = own
            return
        }
        switch (error.kind, error.sqlState) {
        case (.outcomeUnknown, _):
            self.init(.outcomeUnknown, error.description, hint: "Look whether it took effect before doing it again.")
            awaitsStandby = error.awaitsStandby
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
            self.init(.notAllowed, MissingRight.sentence(error), hint: MissingRight.hint(error))
        case (_, "25006"):
            self.init(
                .readOnly, "this server only reads: it is a standby, or made read-only: \(error.description)",
                hint: """
                    Name the primary. With several hosts and target_session_attrs=read-write in the database URL it is \
                    found by itself.
                    """)
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
        where error.isConnectionProblem || error.isRetryable || error.sqlState?.hasPrefix("53") == true
            || error.kind == .timeout:
            self.init(.unavailable, error.description)
        default:
            self.init(.broken, error.description)
        }
    }
}
