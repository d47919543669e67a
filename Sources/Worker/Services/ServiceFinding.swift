import EventStore
import WorkflowCore

extension ServiceReport {
    /// What the fate of a request says about its service, apart from what it means for its run. Nil when it says
    /// nothing, because the request was not sent for reasons of our own.
    init?(_ result: AttemptResult, service: String, firstPauseMilliseconds: Int64?) {
        let asked = min(max(0, result.retryAfterMilliseconds ?? 0), RetryArithmetic.longestMilliseconds)
        guard let finding = Finding(result) else { return nil }
        self.init(
            service: service, finding: finding, reason: result.error ?? result.status.map { "http.\($0)" },
            askedMilliseconds: asked, pauseMilliseconds: max(1, firstPauseMilliseconds ?? 1000))
    }
}

extension ServiceReport.Finding {
    fileprivate init?(_ result: AttemptResult) {
        switch (result.error, result.status) {
        // The head alone is no answer.
        case ("timeout"?, _), ("connection_lost"?, _): self = .failed
        case ("unreachable"?, _) where !result.isCounted, ("address_refused"?, _) where !result.isCounted:
            self = .failed
        case ("bad_answer"?, nil): self = .failed
        case ("cancelled"?, _), (_, nil): return nil
        // Also one that the definition names: the platform's wish is the same.
        case (_, 429?): self = .limited
        case (let error?, let status?) where error.hasPrefix("http."): self = status / 100 == 5 ? .failed : .unclear
        case ("bad_answer"?, _): self = .unclear
        default: self = .answered
        }
    }
}
