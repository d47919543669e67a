/// How to take back what a state's call made.
public struct UndoDefinition: Sendable, Equatable {
    /// How it is known that the thing is gone.
    public enum Gone: Sendable, Equatable {
        /// By a look-up. Of the definition `save`, `one` and `none` say nothing here: nothing is taken over.
        case lookUp(ReconcileDefinition)
        /// The platform cannot be asked, so its word counts.
        case notCheckable
    }

    public let call: CallDefinition
    public let gone: Gone
    /// Calls that are sent before the undo, at each try, such as one that gets a fresh token; harmless to repeat.
    public let before: [CallDefinition]
    /// As a state's, for all requests of the taking back.
    public let retry: [RetryEntry]
    public let retriesNothing: Bool
    /// Whether also what was found and may have been there before is taken back.
    public let takesBackAdopted: Bool

    public init(
        call: CallDefinition, gone: Gone, before: [CallDefinition] = [], retry: [RetryEntry] = [],
        retriesNothing: Bool = false, takesBackAdopted: Bool = false
    ) {
        self.call = call
        self.gone = gone
        self.before = before
        self.retry = retry
        self.retriesNothing = retriesNothing
        self.takesBackAdopted = takesBackAdopted
    }

    /// The look-up; nil where the platform's word counts.
    public var lookUp: ReconcileDefinition? { if case .lookUp(let lookUp) = gone { lookUp } else { nil } }

    /// The variables that the calls before the undo fill, each time anew.
    var freshVariables: [String] { before.flatMap { $0.save.map(\.name) } }
}

extension Definition {
    /// Whether the calls before an undo are sent before its look-up too, because the look-up reads what they fill: a
    /// token may die between two look-ups.
    func looksWithFreshValues(_ undo: UndoDefinition) -> Bool {
        guard let call = undo.lookUp?.call else { return false }
        let fresh = undo.freshVariables
        return references(of: call).contains { reference in
            reference.root == "data" && reference.path.first.map(fresh.contains) == true
        }
    }

    /// All that the call's request reads.
    func references(of call: CallDefinition) -> [ExpressionReference] {
        call.references(with: service(call.service) ?? ServiceDefinition(name: call.service))
    }
}
