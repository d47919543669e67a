/// A name for some answers of the definition's services, or for a connection that ended without one.
public struct ErrorRule: Sendable, Equatable {
    public let name: String
    /// Empty: any status.
    public let statuses: [StatusPattern]
    public let condition: Expression?
    /// nil: the status decides. A 4xx is then not done, and everything else unknown.
    public let outcome: Outcome?
    /// Whether it names a lost connection, and no answer at all.
    public let namesLostConnection: Bool

    public init(
        name: String, statuses: [StatusPattern] = [], condition: Expression? = nil, outcome: Outcome? = nil,
        namesLostConnection: Bool = false
    ) {
        self.name = name
        self.statuses = statuses
        self.condition = condition
        self.outcome = outcome
        self.namesLostConnection = namesLostConnection
    }
}

/// How a request may end without an answer, where a definition may call that an error of its own.
enum EndWithoutAnswer: String, CaseIterable {
    case connectionLost = "connection_lost"
}

extension Definition {
    /// What may name the outcome of this request.
    ///
    /// A name for a lost connection counts only where the request is harmless to repeat, and where the `retry` or `catch`
    /// for it uses the name. Any other lost connection keeps its built-in name, is retried as transient, and tells of its
    /// service.
    public func errors(of planned: PlannedCall) -> [ErrorRule] {
        guard errors.contains(where: \.namesLostConnection) else { return errors }
        let used = planned.call.isRepeatable ? state(planned.state)?.errorNames(for: planned.purpose) ?? [] : []
        return errors.filter { !$0.namesLostConnection || used.contains($0.name) }
    }
}

extension StateDefinition {
    /// The errors that the entries for such a request name.
    fileprivate func errorNames(for purpose: Purpose) -> [String] {
        switch purpose {
        case .call, .lookup: (retry.map(\.errors) + catches.map(\.errors)).flatMap(\.self)
        case .undo, .replace, .beforeUndo, .gone: (undo?.retry ?? []).flatMap(\.errors)
        case .inspect, .beforeInspect: (inspect?.retry ?? []).flatMap(\.errors)
        case .probe: []
        }
    }
}
