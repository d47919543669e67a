import HTTPActions
import Worker

/// Connects the crash points with the reports of the database and the HTTP side; nil, so that nobody reports, unless a
/// crash point is armed.
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
