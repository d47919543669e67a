// How runs of an older version move to this version.

extension DraftChecker {
    /// E502, as far as one file tells it; `DefinitionChange` compares two.
    mutating func checkMove() {
        guard let move = draft.move else { return }
        if let from = move.from, let version = draft.version, from.value >= version {
            report(
                .brokenMove, from.path, .value, "moved from version \(from.value), but this is version \(version)",
                hint: "name the version whose runs shall follow")
        }
        let names = draft.states.map(\.name)
        for (old, new) in move.states where !names.contains(new.value) {
            report(
                .brokenMove, new.path, .value,
                "moved sends \"\(old)\" to \"\(new.value)\", which does not exist",
                hint: suggestion(new.value, among: names))
        }
    }
}
