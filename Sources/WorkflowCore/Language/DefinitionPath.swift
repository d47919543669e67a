/// Where a value stands in a definition's tree, such as `states.requested.retry[0].error`.
public struct DefinitionPath: Sendable, Hashable, CustomStringConvertible {
    public enum Step: Sendable, Hashable {
        case name(String)
        case index(Int)
    }

    /// Which part of a member a problem points at.
    public enum Spot: Sendable, Hashable {
        case name
        case value
    }

    public let steps: [Step]

    public init(_ steps: [Step] = []) { self.steps = steps }

    public func member(_ name: String) -> DefinitionPath { DefinitionPath(steps + [.name(name)]) }
    public func item(_ index: Int) -> DefinitionPath { DefinitionPath(steps + [.index(index)]) }

    public func starts(with prefix: DefinitionPath) -> Bool { steps.starts(with: prefix.steps) }

    public var description: String {
        var text = ""
        for step in steps {
            switch step {
            case .name(let name): text += text.isEmpty ? name : ".\(name)"
            case .index(let index): text += "[\(index)]"
            }
        }
        return text
    }
}
