import EventStore
import WorkflowCore

extension ServiceReport {
    /// What the fate of a request says about its service, apart from what it means for its run. Nil when it says
    /// nothing, because the request was not sent for reasons of our own.
    init?(_ result: AttemptResult, service: String, firstPauseMilliseconds: Int64?) {
        let asked = min(max(0, result.retryAfterMilliseconds ?? 0), RetryArithmetic.longestMilliseconds)
        let isOutOfReach = !result.isCounted && ["unreachable", "address_refused"].contains(result.error)
        let finding: Finding
        switch result.status {
        case 429?: finding = .limited
        case _ where isOutOfReach: finding = .down
        case let status? where [502, 503, 504].contains(status): finding = .silent
        case .some: finding = .answered
        case nil where ["timeout", "connection_lost"].contains(result.error): finding = .silent
        case nil: return nil
        }
        self.init(
            service: service, finding: finding, reason: result.error ?? result.status.map { "http.\($0)" },
            askedMilliseconds: asked, pauseMilliseconds: max(1, firstPauseMilliseconds ?? 1000))
    }
}
