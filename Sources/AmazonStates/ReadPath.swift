import WorkflowCore

/// A path of the JSONPath form: `$.a['b'][0]`, `$variable.a` or `$$.Execution.Name`.
struct ReadPath {
    enum Start: Equatable {
        case document, context
        case variable(String)
    }

    let start: Start
    private(set) var steps: [ExpressionShape.Path.Step] = []

    init?(_ text: String) {
        var rest = text[...]
        guard rest.popFirst() == "$" else { return nil }
        if rest.first == "$" {
            rest.removeFirst()
            start = .context
        } else {
            let name = Self.word(&rest)
            start = name.isEmpty ? .document : .variable(name)
        }
        while let first = rest.popFirst() {
            if first == "." {
                let name = Self.word(&rest)
                guard !name.isEmpty else { return nil }
                steps.append(.member(name))
            } else if first == "[", let step = Self.bracket(&rest) {
                steps.append(step)
            } else {
                return nil
            }
        }
    }

    private static func word(_ rest: inout Substring) -> String {
        let word = rest.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }
        rest = rest.dropFirst(word.count)
        return String(word)
    }

    private static func bracket(_ rest: inout Substring) -> ExpressionShape.Path.Step? {
        guard let end = rest.firstIndex(of: "]") else { return nil }
        let inside = rest[..<end]
        rest = rest[rest.index(after: end)...]
        if let index = Int(inside), index >= 0 { return .index(index) }
        guard inside.count >= 2, let quote = inside.first, quote == "'" || quote == "\"", inside.last == quote else {
            return nil
        }
        let name = inside.dropFirst().dropLast()
        return name.contains("\\") || name.contains(quote) ? nil : .member(String(name))
    }

    static func isName(_ text: String) -> Bool {
        guard let first = text.utf8.first, !first.isASCIIDigit else {
            return false
        }
        return text.utf8.allSatisfy { byte in
            byte.isASCIILetter || byte == UInt8(ascii: "_")
                || byte.isASCIIDigit
        } && !["true", "false", "null", "in"].contains(text)
    }

    static func expression(_ root: String, _ steps: ArraySlice<ExpressionShape.Path.Step>) -> String {
        steps.reduce(root) { text, step in
            switch step {
            case .index(let index): text + "[\(index)]"
            case .member(let name): text + (isName(name) ? ".\(name)" : "[\(literal(name))]")
            }
        }
    }

    /// A text as an expression writes it.
    static func literal(_ text: String) -> String {
        var literal = "'"
        for scalar in text.unicodeScalars {
            switch scalar {
            case "'", "\\": literal += "\\\(scalar)"
            case "\n": literal += "\\n"
            case "\r": literal += "\\r"
            default: literal.unicodeScalars.append(scalar)
            }
        }
        return literal + "'"
    }
}

/// `States.Format('…{}…', path, …)`.
struct FormatCall {
    enum Part: Equatable {
        case text(String)
        case path(String)
    }

    private(set) var parts: [Part] = []

    init?(_ text: String) {
        guard text.hasPrefix("States.Format('"), text.hasSuffix(")") else { return nil }
        var rest = text.unicodeScalars.dropFirst(15).dropLast()
        var holes = 0
        var current = String.UnicodeScalarView()
        var isClosed = false
        while let scalar = rest.popFirst() {
            if scalar == "'" {
                isClosed = true
                break
            } else if scalar == "\\", let next = rest.popFirst() {
                current.append(next)
            } else if scalar == "{", rest.first == "}" {
                rest.removeFirst()
                if !current.isEmpty { parts.append(.text(String(current))) }
                current = String.UnicodeScalarView()
                parts.append(.path(""))
                holes += 1
            } else {
                current.append(scalar)
            }
        }
        if !current.isEmpty { parts.append(.text(String(current))) }
        let arguments = String(rest).split(separator: ",").map { argument in
            String(argument.drop { $0 == " " }.prefix { $0 != " " })
        }
        guard isClosed, arguments.count == holes else { return nil }
        var paths = arguments[...]
        parts = parts.map { part in
            if case .path = part, let path = paths.popFirst() { .path(path) } else { part }
        }
    }
}
