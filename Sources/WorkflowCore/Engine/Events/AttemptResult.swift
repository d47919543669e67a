/// What one request came to, judged by the definition; the facts that `decide` works on.
public struct AttemptResult: Sendable, Equatable {
    public let outcome: Outcome
    /// The name of the error: one of the definition's, a built-in such as `timeout`, or `http.503`; nil when done.
    public let error: String?
    /// The answer's status, when there was a complete head.
    public let status: Int?
    /// False when the attempt is not charged to the run: nothing was reached, or the platform said "later" (429).
    public let isCounted: Bool
    /// What the platform asked for, from the answer's Retry-After.
    public let retryAfterMilliseconds: Int64?
    /// Plain variables taken from the answer.
    public let saved: JSONObject
    /// Secret variables taken from the answer, already sealed.
    public let sealed: [SealedReference]
    /// What is kept of the exchange; free of secrets.
    public let evidence: JSONObject
    /// For a look-up: how many items are ours. If it is one, `saved` and `sealed` are the values of that item.
    public let found: Int?
    /// For a look-up: how many items this page of the list holds, ours or not.
    public let listed: Int
    /// For a look-up: why its complete answer proves nothing, when nothing in it is ours.
    public let inconclusive: String?
    /// For a look-up: what leads to the next page of the list; nil after the last one.
    public let nextPage: String?
    /// Whether the success made the thing. False: the platform says that it was there before.
    public let isMade: Bool
    /// Another run, which has what this one would take for its own; or, for an empty list, something that should be listed.
    public private(set) var heldBy: Identifier?
    /// For a look-up that found several items: the plain variables that each would fill, for the first ten.
    public let candidates: [JSONObject]

    public init(
        outcome: Outcome, error: String? = nil, status: Int? = nil, isCounted: Bool = true,
        retryAfterMilliseconds: Int64? = nil, saved: JSONObject = JSONObject(), sealed: [SealedReference] = [],
        evidence: JSONObject = JSONObject(), found: Int? = nil, listed: Int? = nil, inconclusive: String? = nil,
        nextPage: String? = nil, isMade: Bool = true, candidates: [JSONObject] = []
    ) {
        self.outcome = outcome
        self.error = error
        self.status = status
        self.isCounted = isCounted
        self.retryAfterMilliseconds = retryAfterMilliseconds
        self.saved = saved
        self.sealed = sealed
        self.evidence = evidence
        self.found = found
        self.listed = listed ?? found ?? 0
        self.inconclusive = inconclusive
        self.nextPage = nextPage
        self.isMade = isMade
        self.candidates = candidates
    }
}

extension AttemptResult {
    /// The same, once the store has found that another run says otherwise.
    public func contradicted(by run: Identifier) -> AttemptResult {
        var result = self
        result.heldBy = run
        return result
    }

    /// The error's name, or a substitute for it, so that no failure is recorded without a name.
    var errorName: String {
        error ?? status.map { "http.\($0)" } ?? (outcome == .unknown ? "unknown_outcome" : outcome.rawValue)
    }
}
