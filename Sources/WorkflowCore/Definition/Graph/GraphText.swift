extension WorkflowGraph {
    private static let longestLabel = 160

    /// A Mermaid state diagram. Any name or text is fine: what Mermaid would read as syntax is escaped.
    public func mermaid() -> String {
        var ids: [String: String] = [:]
        for (index, state) in states.enumerated() { ids[state.name] = "s\(index + 1)" }
        var lines = ["stateDiagram-v2"]
        for state in states { lines.append("    state \"\(Self.mermaid(state.name))\" as \(ids[state.name] ?? "")") }
        for state in states where state.isStart { lines.append("    [*] --> \(ids[state.name] ?? "")") }
        for edge in edges {
            guard let from = ids[edge.from], let to = ids[edge.to] else { continue }
            lines.append("    \(from) --> \(to)\(edge.label.isEmpty ? "" : " : \(Self.mermaid(edge.label))")")
        }
        for state in states {
            if let end = state.end { lines.append("    \(ids[state.name] ?? "") --> [*] : \(end.rawValue)") }
        }
        for state in states where !state.notes.isEmpty {
            lines.append("    note right of \(ids[state.name] ?? "")")
            lines += state.notes.map { "        \(Self.mermaid($0))" }
            lines.append("    end note")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// Graphviz's language.
    public func dot() -> String {
        var lines = ["digraph \(Self.quoted(workflow)) {", "    rankdir=TB;"]
        lines.append("    node [shape=box, style=rounded, fontname=\"sans-serif\", fontsize=11];")
        lines.append("    edge [fontname=\"sans-serif\", fontsize=9];")
        lines.append("    \"\" [shape=point];")
        for state in states {
            let label = ([state.name] + state.notes).map(Self.shortened).joined(separator: "\n")
            lines.append(
                "    \(Self.quoted(state.name)) [label=\(Self.quoted(label))\(state.end == nil ? "" : ", peripheries=2")];"
            )
        }
        for state in states where state.isStart { lines.append("    \"\" -> \(Self.quoted(state.name));") }
        for edge in edges {
            let style = edge.way == .caught ? ", style=dashed" : edge.way == .signal ? ", style=bold" : ""
            lines.append(
                "    \(Self.quoted(edge.from)) -> \(Self.quoted(edge.to)) "
                    + "[label=\(Self.quoted(Self.shortened(edge.label)))\(style)];")
        }
        return lines.joined(separator: "\n") + "\n}\n"
    }

    private static func shortened(_ text: String) -> String {
        text.count <= longestLabel ? text : text.prefix(longestLabel - 1) + "…"
    }

    /// Mermaid knows characters by number, as `#35;`.
    private static func mermaid(_ text: String) -> String {
        var escaped = ""
        for scalar in shortened(text).unicodeScalars {
            let isWord = scalar.properties.isAlphabetic || (0x30...0x39).contains(scalar.value) || scalar.value > 0x9F
            if isWord || "_-.,/()'= ".unicodeScalars.contains(scalar) {
                escaped.unicodeScalars.append(scalar)
            } else if scalar.value < 0x20 {
                escaped += " "
            } else {
                escaped += "#\(scalar.value);"
            }
        }
        return withoutEndOfNote(escaped)
    }

    /// Mermaid ends a note at the words "end note", wherever they stand.
    private static func withoutEndOfNote(_ text: String) -> String {
        let words = text.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
        var joined = words.first ?? ""
        for (before, word) in zip(words, words.dropFirst()) {
            let isEnd = before.lowercased().hasSuffix("end") && word.lowercased().hasPrefix("note")
            joined += (isEnd ? "#32;" : " ") + word
        }
        return joined
    }

    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": quoted += "\\\(scalar)"
            case "\n": quoted += "\\n"
            default:
                if scalar.value < 0x20 { quoted += " " } else { quoted.unicodeScalars.append(scalar) }
            }
        }
        return quoted + "\""
    }
}
