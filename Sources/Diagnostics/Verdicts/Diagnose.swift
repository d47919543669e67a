/// Says why a run stands as it stands. The rules are asked in this order; the first one that knows wins. The numbers
/// are those of the decision table in `docs/internals/diagnosis.md`.
public func diagnose(_ evidence: Evidence) -> Verdict {
    for rule in Rule.all {
        if let verdict = rule.judge(evidence) { return evidence.naming(verdict) }
    }
    return evidence.naming(Fallback.verdict(evidence))
}

struct Rule: Sendable {
    /// Rows of the table; empty for what Turnup itself knows.
    let rows: [Int]
    let judge: @Sendable (Evidence) -> Verdict?

    init(_ rows: [Int], _ judge: @escaping @Sendable (Evidence) -> Verdict?) {
        self.rows = rows
        self.judge = judge
    }

    static let all: [Rule] = [
        // Whose the key is does not depend on how the platform takes it.
        Rule([6], SharedKeys.crossTenant),
        Rule([3, 4], SharedKeys.oldClient),
        Rule([5], SharedKeys.rotated),
        Rule([9], SharedKeys.sessionReused),
        // What keeps the run before any answer.
        Rule([], OwnWaits.ended),
        Rule([], OwnWaits.notSetUp),
        Rule([], OwnWaits.paused),
        Rule([], OwnWaits.limited),
        // What the newest answer says by itself.
        Rule([17], Answers.rateLimited),
        Rule([20], Answers.hangsUp),
        Rule([18], Answers.outcomeUnknown),
        Rule([19], Answers.unreachable),
        Rule([23], Answers.gone),
        Rule([21], Answers.unexpected),
        Rule([18], Answers.failing),
        Rule([8], Creates.declaredLimit),
        Rule([11], Creates.masterSecret),
        Rule([12], Creates.wrongTarget),
        // The key is refused, or was.
        Rule([16], Keys.replicaLag),
        Rule([1], Keys.activated),
        Rule([10], Keys.incident),
        Rule([15], Keys.revoked),
        Rule([13], Tokens.clockSkew),
        Rule([14], Tokens.lifetime),
        Rule([7], Keys.singleClient),
        Rule([2], Keys.pending),
        Rule([], OwnWaits.fine),
    ]
}
