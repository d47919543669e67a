import HTTPActions
import Worker

/// Leads what the database and the HTTP side report to the crash points; nil, so that nobody reports, unless one is armed.
enum CrashHooks {
    static var statementSent: (@Sendable (String) -> Void)? {
        guard CrashPoint.isArmed else { return nil }
        return { label in
            if label == "commit" { CrashPoint.duringCommit.passed() }
        }
    }

    static var phaseReached: (@Sendable (ExchangePhase) -> Void)? {
        guard CrashPoint.isArmed else { return nil }
        return { phase in
            switch phase {
            case .connected: CrashPoint.afterConnect.passed()
            case .sent: CrashPoint.afterSend.passed()
            case .headReceived: CrashPoint.afterHead.passed()
            case .bodyBegan: CrashPoint.midBody.passed()
            }
        }
    }
}
