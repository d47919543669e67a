import WorkflowCore

/// What a look-up's answer says about a lost request: which of the items that are there are ours.
struct LookUp {
    /// Of several finds, so many are kept for the person who decides.
    static let mostCandidates = 10

    let reconcile: ReconcileDefinition
    let action: Action
    let scope: ExpressionScope

    init(_ reconcile: ReconcileDefinition, _ action: Action, _ scope: ExpressionScope) {
        self.reconcile = reconcile
        self.action = action
        self.scope = scope
    }

    /// An answer in which the list cannot be read is `bad_answer`: nothing found must never be guessed.
    func judge(_ answer: Answer) -> ResponseClassification {
        var ours: [ExpressionScope] = []
        let listed: Int
        do throws(ExpressionError) {
            guard case .plain(.array(let items)) = try reconcile.items.evaluate(scope) else {
                return ResponseClassification.badAnswer("items is no list: \(answer.bodyProblem)", answer)
            }
            listed = items.count
            for item in items {
                var scope = scope
                scope["item"] = .json(item)
                if try reconcile.condition.holds(scope) { ours.append(scope) }
            }
        } catch {
            return ResponseClassification.badAnswer("the items cannot be read: \(error)", answer)
        }
        var classification = ResponseClassification(outcome: .done)
        switch ours.count {
        case 0: classification.found = 0
        case 1:
            classification = ResponseClassification.filled(reconcile.save, answer, action, ours[0])
            classification.found = classification.outcome == .done ? 1 : nil
        default:
            classification.found = ours.count
            // A find whose values cannot be read is still a find.
            classification.candidates = ours.prefix(Self.mostCandidates).map {
                ResponseClassification.filled(reconcile.save, answer, action, $0).saved
            }
        }
        classification.listed = listed
        switch Pages(reconcile.pages, action, scope).after(answer, listed: listed) {
        case .last: break
        case .next(let page): classification.nextPage = page
        case .unclear(let why): classification.inconclusive = why
        }
        // 206 is a part of the list, 202 is none yet, 203 is somebody else's word (RFC 9110, section 15.3).
        if answer.status != 200, !action.call.ok.contains(.exact(answer.status)) {
            classification.inconclusive = "the answer's status is \(answer.status), not 200"
        }
        return classification
    }
}
