import WorkflowCore

/// Where the values of a file stand, in the shape of the values.
struct PositionTree: Sendable {
    /// The position of the member's name, for a value that is a member.
    let name: SourcePosition?
    let value: SourcePosition
    var children: [DefinitionPath.Step: PositionTree] = [:]

    /// The place of a value, or of the nearest value around it when the file has none at that path.
    func position(of path: DefinitionPath, _ spot: DefinitionPath.Spot) -> SourcePosition {
        var tree = self
        for step in path.steps {
            guard let child = tree.children[step] else { return tree.name ?? tree.value }
            tree = child
        }
        return switch spot {
        case .name: tree.name ?? tree.value
        case .value: tree.value
        }
    }
}
