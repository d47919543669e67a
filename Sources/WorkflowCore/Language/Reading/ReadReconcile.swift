// How to find out what became of a lost answer.

extension DefinitionReader {
    mutating func readReconcile(_ node: Node) -> DraftReconcile {
        var reconcile = DraftReconcile(path: node.path)
        guard let mapping = mapping(node, Vocabulary.reconcile) else { return reconcile }
        readLookUp(mapping, &reconcile)
        reconcile.save = templates(mapping["save"], as: .variable, .itemSave)
        reconcile.one = choice(mapping["one"], ReconcileOne.self) ?? .adopt
        reconcile.none = choice(mapping["none"], ReconcileNone.self) ?? .hold
        return reconcile
    }

    /// What every look-up takes.
    mutating func readLookUp(_ mapping: Mapping, _ reconcile: inout DraftReconcile) {
        if let call = mapping["call"] { reconcile.call = readStateCall(call) }
        reconcile.afterMilliseconds = duration(mapping["after"])
        reconcile.effectWithinMilliseconds = duration(mapping["effect_within"])
        if let looks = mapping["looks"], let looks = self.mapping(looks, Vocabulary.looks) {
            reconcile.looks = LookUpCount(
                times: integer("times", of: looks), everyMilliseconds: duration(looks["every"]))
        }
        reconcile.filter = choice(mapping["filter"], LookUpFilter.self)
        reconcile.pages = mapping["pages"].flatMap { readPages($0) }
        reconcile.withinMilliseconds = duration(mapping["within"])
        reconcile.items = mapping["items"].flatMap { expression($0, .items) }
        reconcile.condition = mapping["where"].flatMap { expression($0, .itemCondition) }
    }

    private mutating func readPages(_ node: Node) -> LookUpPages? {
        if let word = node.value.stringValue {
            switch word {
            case "whole": return LookUpPages(.whole)
            case "link": return LookUpPages(.link)
            default:
                wrongType(node, "whole, link, or a mapping with by")
                return nil
            }
        }
        guard let mapping = mapping(node, Vocabulary.pages), let by = mapping["by"],
            let word = choice(by, LookUpPages.Word.self)
        else { return nil }
        let most = integer("limit", of: mapping)
        let allowed: [String]
        switch word {
        case .cursor: allowed = ["query", "next"]
        case .number: allowed = ["query", "first"]
        case .link, .whole: allowed = []
        }
        for name in ["query", "next", "first"] where mapping.has(name) && !allowed.contains(name) {
            report(
                .wrongType, mapping.path.member(name), .name, "\"\(name)\" does not go with by: \(word.rawValue)",
                hint: "remove it")
        }
        let missing = allowed.filter { $0 != "first" && !mapping.has($0) }
        for name in missing {
            report(
                .wrongType, node.path, .name, "pages by \(word.rawValue) needs \"\(name)\"")
        }
        guard missing.isEmpty else { return nil }
        let query = mapping["query"].flatMap { text($0) } ?? ""
        switch word {
        case .whole, .link: return LookUpPages(.link, most: most)
        case .cursor:
            return mapping["next"].flatMap { expression($0, .nextPage) }.map {
                LookUpPages(.cursor(query: query, next: $0), most: most)
            }
        case .number:
            return LookUpPages(.number(query: query, first: integer("first", of: mapping) ?? 1), most: most)
        }
    }
}
