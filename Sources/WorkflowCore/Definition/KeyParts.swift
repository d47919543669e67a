extension Definition {
    /// The key as literals and names of inputs, so that SQL can put it together:
    /// `[{"text": "…"}, {"input": "number"}]`. The rules allow nothing else in a key.
    public var keyParts: JSONValue {
        .array(
            key.parts.compactMap { part in
                switch part {
                case .text(let text): ["text": .string(text)]
                case .expression(let expression, _):
                    expression.references.first?.path.first.map { ["input": .string($0)] }
                }
            })
    }
}
