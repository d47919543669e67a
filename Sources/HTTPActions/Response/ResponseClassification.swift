import Vault
import WorkflowCore

/// What a complete answer means by the definition.
struct ResponseClassification: Sendable {
    var outcome: Outcome
    /// nil when done.
    var error: String?
    var isCounted = true
    var saved = JSONObject()
    /// In plain, with the variable each is for; to be sealed whatever the outcome is.
    var secrets: [(name: String, secret: Secret)] = []
    /// Of a look-up: how many items are ours, and what each of several would fill.
    var found: Int?
    var candidates: [JSONObject] = []
    /// Of a look-up: how many items the answer holds; why nothing ours in them proves nothing; what leads to the next page.
    var listed: Int?
    var inconclusive: String?
    var nextPage: String?
    /// False: the platform says that the thing was there before.
    var isMade = true
    /// Why, when the error alone does not say it; never a value.
    var detail: String?

    /// Tests the error rules in order, then `ok`, then `save`. `url` is the one that was asked, without its query.
    static func judge(
        _ answer: Answer, of action: Action, url: String, scope: ExpressionScope
    ) -> ResponseClassification {
        let scope = ScopeBuilder.scope(scope, with: answer)
        var undecided: String?
        for rule in action.errors where !rule.namesLostConnection {
            guard rule.statuses.isEmpty || rule.statuses.contains(where: { $0.matches(answer.status) }) else {
                continue
            }
            if let condition = rule.condition {
                do throws(ExpressionError) {
                    guard try condition.holds(scope) else { continue }
                } catch {
                    // A rule whose condition needs an absent value does not match. But where the body could not be read
                    // at all, nobody knows whether the rule would have matched.
                    if answer.hasUnreadBody, condition.references.contains(where: \.isOfBody) { undecided = rule.name }
                    continue
                }
            }
            return named(rule, answer, action, scope)
        }
        guard action.call.ok.contains(where: { $0.matches(answer.status) }) else {
            let isRefusal = action.call.isRepeatable || Redirect.isRefusal(answer, asked: url)
            return refused(
                error: "http.\(answer.status)", outcome: answer.status / 100 == 3 && isRefusal ? .notDone : nil, answer,
                action, scope)
        }
        if let undecided {
            var classification = badAnswer("error \(undecided) could not be tested: \(answer.bodyProblem)", answer)
            classification.secrets = foundSecrets(action, scope)
            return classification
        }
        return saved(answer, action, scope)
    }

    private static func named(
        _ rule: ErrorRule, _ answer: Answer, _ action: Action, _ scope: ExpressionScope
    ) -> ResponseClassification {
        if rule.outcome == .done { return saved(answer, action, scope) }
        return refused(error: rule.name, outcome: rule.outcome, answer, action, scope)
    }

    private static func refused(
        error: String, outcome: Outcome?, _ answer: Answer, _ action: Action, _ scope: ExpressionScope
    ) -> ResponseClassification {
        // 408 says that somebody gave up waiting, not that nothing was done.
        let outcome = outcome ?? (answer.status / 100 == 4 && answer.status != 408 ? .notDone : .unknown)
        // An answer that says "later" does not count as a try; but a 429 that the definition calls unknown does.
        let isCounted = answer.status != 429 || outcome != .notDone
        return ResponseClassification(
            outcome: outcome, error: error, isCounted: isCounted, secrets: foundSecrets(action, scope))
    }

    static func badAnswer(_ detail: String, _ answer: Answer) -> ResponseClassification {
        ResponseClassification(outcome: .unknown, error: "bad_answer", detail: detail)
    }

    // MARK: - Save

    /// All of `save`, or `bad_answer` with the secrets that were found.
    private static func saved(_ answer: Answer, _ action: Action, _ scope: ExpressionScope) -> ResponseClassification {
        if let reconcile = action.reconcile { return LookUp(reconcile, action, scope).judge(answer) }
        var classification = filled(action.call.save, answer, action, scope)
        if let made = action.call.made, classification.outcome == .done {
            // Without its value nobody knows, and what is not known to be ours is not ours.
            do throws(ExpressionError) {
                classification.isMade = try made.holds(scope)
            } catch { classification.isMade = false }
        }
        return classification
    }

    /// These variables, or `bad_answer`.
    static func filled(
        _ save: [NamedTemplate], _ answer: Answer, _ action: Action, _ scope: ExpressionScope
    ) -> ResponseClassification {
        var classification = ResponseClassification(outcome: .done)
        var problems: [String] = []
        for member in save {
            switch value(of: member, action, scope) {
            case .plain(let value): classification.saved[member.name] = value
            case .secret(let secret): classification.secrets.append((member.name, secret))
            case .problem(let problem): problems.append(problem)
            }
        }
        if problems.isEmpty { problems = revealing(classification, action) }
        if let first = problems.first {
            let reason = answer.hasUnreadBody ? "\(first) (\(answer.bodyProblem))" : first
            let secrets = classification.secrets
            classification = badAnswer(reason, answer)
            classification.secrets = secrets
        }
        return classification
    }

    /// Plain variables that would carry a secret's value into the history.
    private static func revealing(_ classification: ResponseClassification, _ action: Action) -> [String] {
        let known = action.scope.known.map(\.secret)
        let masker = Masker(known + classification.secrets.map(\.secret))
        return classification.saved.members.compactMap { member in
            let text = member.value.serialized()
            return masker.mask(text) == text
                ? nil : "\(member.name) holds the value of a secret, and is not declared so"
        }
    }

    /// What `save` finds of secret variables in an answer that is not done.
    private static func foundSecrets(_ action: Action, _ scope: ExpressionScope) -> [(name: String, secret: Secret)] {
        action.call.save.compactMap { member in
            if case .secret(let secret) = value(of: member, action, scope) { (member.name, secret) } else { nil }
        }
    }

    private enum Found {
        case plain(JSONValue)
        case secret(Secret)
        case problem(String)
    }

    private static func value(of member: NamedTemplate, _ action: Action, _ scope: ExpressionScope) -> Found {
        guard let field = action.variables.first(where: { $0.name.hasSameScalars(as: member.name) }) else {
            return .problem("\(member.name) is no variable of the definition")
        }
        let value: ExpressionValue
        do throws(ExpressionError) {
            value = try member.template.evaluate(scope)
        } catch {
            return .problem("\(member.name) cannot be saved: \(error)")
        }
        switch value {
        case .secret(let secret):
            guard field.isSecret else { return .problem("\(member.name) would hold a secret, and is not declared so") }
            guard let revealed = secret.revealed, !revealed.isEmpty else {
                return .problem("\(member.name) has no value")
            }
            return .secret(revealed)
        case .plain(let plain):
            if plain.containsNul { return .problem("\(member.name) holds the character U+0000") }
            if let problem = field.problem(with: plain) { return .problem(problem) }
            guard field.isSecret, !plain.isNull else { return .plain(plain) }
            let text = plain.stringValue ?? plain.serialized()
            return text.isEmpty ? .problem("\(member.name) is empty") : .secret(Secret(text))
        }
    }
}

extension Answer {
    /// Whether there is a body that could not be read as JSON.
    var hasUnreadBody: Bool {
        switch body {
        case .text, .malformed: true
        case .empty, .json: false
        }
    }

    var bodyProblem: String {
        switch body {
        case .malformed(let error): "the body is no JSON: \(error)"
        case .text: "the body is text, not JSON"
        case .empty: "the body is empty"
        case .json: "the body is JSON"
        }
    }
}

extension ExpressionReference {
    var isOfBody: Bool { root == "response" && (path.isEmpty || path[0] == "body") }
}
