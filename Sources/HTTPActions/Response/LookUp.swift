import Vault
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
        do throws(ExpressionError) {
            guard case .plain(.array(let items)) = try reconcile.items.evaluate(scope) else {
                return ResponseClassification.badAnswer("items is no list: \(answer.bodyProblem)", answer)
            }
            for item in items {
                var scope = scope
                scope["item"] = .json(item)
                if let condition = reconcile.condition, try !condition.holds(scope) { continue }
                ours.append(scope)
            }
        } catch {
            return ResponseClassification.badAnswer("the items cannot be read: \(error)", answer)
        }
        guard let first = ours.first else {
            var classification = ResponseClassification(outcome: .done)
            classification.found = 0
            return classification
        }
        guard ours.count > 1 else {
            var classification = ResponseClassification.filled(reconcile.save, answer, action, first)
            classification.found = classification.outcome == .done ? 1 : nil
            return classification
        }
        var classification = ResponseClassification(outcome: .done)
        classification.found = ours.count
        // A find whose values cannot be read is still a find.
        classification.candidates = ours.prefix(Self.mostCandidates).map {
            ResponseClassification.filled(reconcile.save, answer, action, $0).saved
        }
        return classification
    }
}
