public import WorkflowCore

/// Why a run stands where it stands: for programs a code, for people the sentence.
public struct Why: Sendable, Equatable {
    /// Of a live run a `WaitReason`, or `under_way`; of any other its status, or `drifted`. Codes never change.
    public let code: String
    /// What the code is about: a service, a limit's number, a worker, or the name of the error.
    public let subject: String?
    public let since: Instant?
    /// At least until then.
    public let until: Instant?
    public let detail: String

    init(_ code: String, subject: String? = nil, since: Instant?, until: Instant? = nil, _ detail: String) {
        self.code = code
        self.subject = subject
        self.since = since
        self.until = until
        self.detail = detail
    }

    init(
        _ reason: WaitReason, subject: String? = nil, since: Instant?, until: Instant? = nil, _ detail: String
    ) {
        self.init(reason.rawValue, subject: subject, since: since, until: until, detail)
    }
}
