// How many runs may be under way, and how many requests a service takes.

extension DefinitionReader {
    /// The limit of the workflow's live runs.
    mutating func readRunLimits(_ node: Node) -> RunLimits? {
        guard let mapping = limits(node, Vocabulary.limits) else { return nil }
        let liveRuns = integer("live_runs", of: mapping)
        let per = choice(mapping["per"], LimitScope.self) ?? .all
        return liveRuns.map { RunLimits(liveRuns: $0, per: per) }
    }

    /// The limits of one service.
    mutating func readServiceLimits(_ node: Node) -> ServiceLimits? {
        guard let mapping = limits(node, Vocabulary.serviceLimits) else { return nil }
        return ServiceLimits(
            concurrent: integer("concurrent", of: mapping),
            rate: mapping["rate"].flatMap { readRate($0) }, per: choice(mapping["per"], LimitScope.self) ?? .all)
    }

    private mutating func limits(_ node: Node, _ shape: Vocabulary.Shape) -> Mapping? {
        guard let mapping = mapping(node, shape) else { return nil }
        if !shape.atLeastOne.contains(where: { mapping.has($0) }) {
            report(
                .wrongType, node.path, .value, "\(Self.label(node.path)) limits nothing",
                hint: "add \(shape.atLeastOne.joined(separator: " or "))")
        }
        return mapping
    }

    /// `30/1m`: so many in so long a time.
    private mutating func readRate(_ node: Node) -> RateLimit? {
        guard case .string(let text) = node.value else {
            wrongType(node, "a rate", hint: RateLimit.Refusal.form.hint)
            return nil
        }
        do throws(RateLimit.Refusal) { return try RateLimit(text) } catch {
            report(
                .wrongType, node.path, .value, "\(Self.label(node.path)) is no rate: \"\(text)\"", hint: error.hint)
            return nil
        }
    }
}
