import EventStore
import LocalPostgres
import PlatformSimulator
import Postgres
import Vault

/// An error in the words of the command line.
struct CommandFailure: Error {
    /// 1: it failed; 2: bad input; 3: no database, or a port in use.
    let exitCode: Int32
    let message: String
    let hint: String?

    static func badInput(_ message: String, hint: String? = nil) -> CommandFailure {
        CommandFailure(exitCode: 2, message: message, hint: hint)
    }

    static func failed(_ message: String, hint: String? = nil) -> CommandFailure {
        CommandFailure(exitCode: 1, message: message, hint: hint)
    }

    init(exitCode: Int32, message: String, hint: String? = nil) {
        self.exitCode = exitCode
        self.message = message
        self.hint = hint
    }

    /// Nil for errors of the argument parser, which speaks for itself.
    init?(_ error: any Error) {
        switch error {
        case let failure as CommandFailure: self = failure
        case let error as StoreError:
            let hint = error.code == .unavailable ? TerminalTexts.databaseHint : nil
            self.init(exitCode: Self.exitCode(error.code), message: error.message, hint: error.hint ?? hint)
        case let error as PostgresError where error.isMissingRight || error.isReadOnlyServer:
            self.init(StoreError(error))
        case let error as PostgresError:
            self.init(
                exitCode: error.kind == .invalidConfiguration ? 2 : 3, message: error.description,
                hint: TerminalTexts.databaseHint)
        case let error as LocalPostgresError:
            self.init(exitCode: 3, message: error.message, hint: error.hint.isEmpty ? nil : error.hint)
        case let error as VaultError: self.init(exitCode: 3, message: error.message, hint: error.hint)
        case let error as SimulatorError:
            let isBadInput =
                switch error {
                case .cannotWriteLedger, .invalidSetting: true
                default: false
                }
            self.init(exitCode: isBadInput ? 2 : 3, message: error.description)
        case is CancellationError: self.init(exitCode: 130, message: TerminalTexts.interrupted)
        default: return nil
        }
    }

    private static func exitCode(_ code: StoreError.Code) -> Int32 {
        switch code {
        case .unknownWorkflow, .badInput, .keyConflict, .alreadyPublished, .notFound: 2
        case .unavailable, .busy, .notAllowed, .readOnly, .outcomeUnknown, .notMigrated, .newerSchema,
            .changedMigration, .wrongKeyRing, .unsuitableDatabase:
            3
        case .notTaken, .behind, .appendOnly, .refused, .broken: 1
        }
    }

    func print() {
        Console.error(message)
        if let hint { Console.hint(hint) }
    }
}
