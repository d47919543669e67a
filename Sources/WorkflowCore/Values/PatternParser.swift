/// Reads a pattern in the strict (Unicode) form of ECMA-262.
struct PatternParser {
    private let source: String
    private let scalars: [Unicode.Scalar]
    private var index = 0
    private var depth = 0

    private static let maximumDepth = 32
    private static let maximumRepetition = 1000

    init(source: String) {
        self.source = source
        scalars = Array(source.unicodeScalars)
    }

    mutating func parse() throws(PatternError) -> PatternNode {
        let node = try parseChoice()
        guard index == scalars.count else {
            throw error(#"this ) closes nothing; for the character write \)"#, at: index)
        }
        return node
    }

    private func error(_ message: String, at offset: Int) -> PatternError {
        PatternError(message: message, source: source, offset: offset)
    }

    private var next: Unicode.Scalar? { index < scalars.count ? scalars[index] : nil }

    private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        guard next == scalar else { return false }
        index += 1
        return true
    }

    private mutating func parseChoice() throws(PatternError) -> PatternNode {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.maximumDepth else {
            throw error("groups are nested more than \(Self.maximumDepth) deep", at: index)
        }
        var choices = [try parseSequence()]
        while take("|") { choices.append(try parseSequence()) }
        return choices.count == 1 ? choices[0] : .choice(choices)
    }

    private mutating func parseSequence() throws(PatternError) -> PatternNode {
        var nodes: [PatternNode] = []
        while let scalar = next, scalar != "|", scalar != ")" {
            let start = index
            let atom = try parseAtom()
            nodes.append(try parseRepetition(of: atom, from: start))
        }
        return nodes.isEmpty ? .empty : .sequence(nodes)
    }

    private mutating func parseRepetition(of node: PatternNode, from start: Int) throws(PatternError) -> PatternNode {
        let bounds: (minimum: Int, maximum: Int?)
        switch next {
        case "*": bounds = (0, nil)
        case "+": bounds = (1, nil)
        case "?": bounds = (0, 1)
        case "{": bounds = try parseBounds()
        default: return node
        }
        if case .assertion = node { throw error("an anchor cannot be repeated", at: start) }
        index += 1
        _ = take("?")
        if next == "+" || next == "*" || next == "?" || next == "{" {
            throw error("a repetition cannot be repeated; put it into a group", at: index)
        }
        return .repeated(node, minimum: bounds.minimum, maximum: bounds.maximum)
    }

    /// Leaves `index` at the closing brace.
    private mutating func parseBounds() throws(PatternError) -> (Int, Int?) {
        let start = index
        index += 1
        guard let minimum = try parseCount(from: start) else {
            throw error(#"a repetition is {2}, {2,} or {2,5}; for the character write \{"#, at: start)
        }
        var maximum: Int? = minimum
        if take(",") { maximum = try parseCount(from: start) }
        guard next == "}" else {
            throw error(#"a repetition is {2}, {2,} or {2,5}; for the character write \{"#, at: start)
        }
        if let maximum, maximum < minimum {
            throw error("the limits of the repetition are the wrong way round", at: start)
        }
        return (minimum, maximum)
    }

    private mutating func parseCount(from start: Int) throws(PatternError) -> Int? {
        var count: Int?
        while let scalar = next, scalar.isDecimalDigit {
            count = (count ?? 0) * 10 + Int(scalar.value - 0x30)
            guard let count, count <= Self.maximumRepetition else {
                throw error("a repetition goes up to \(Self.maximumRepetition)", at: start)
            }
            index += 1
        }
        return count
    }

    private mutating func parseAtom() throws(PatternError) -> PatternNode {
        let start = index
        let scalar = scalars[index]
        index += 1
        switch scalar {
        case ".": return .set(.anyButLineEnd)
        case "^": return .assertion(.start)
        case "$": return .assertion(.end)
        case "(": return try parseGroup(from: start)
        case "[": return .set(try parseClass(from: start))
        case "\\": return try parseEscape(from: start)
        case "*", "+", "?", "{":
            throw error(#"\#(scalar) repeats nothing; for the character write \\#(scalar)"#, at: start)
        case "]", "}": throw error(#"\#(scalar) closes nothing; for the character write \\#(scalar)"#, at: start)
        default: return .scalar(scalar)
        }
    }

    private mutating func parseGroup(from start: Int) throws(PatternError) -> PatternNode {
        if take("?") {
            let isNamed =
                next == "<" && index + 1 < scalars.count && scalars[index + 1] != "=" && scalars[index + 1] != "!"
            if isNamed {
                while next != nil, next != ">" { index += 1 }
                guard take(">") else { throw error("the name of the group is not closed", at: start) }
            } else if next == "=" || next == "!" || next == "<" {
                throw error(
                    "look-around is not supported, because it needs backtracking; test in two patterns", at: start)
            } else if !take(":") {
                throw error("of groups with ?, only (?:…) and (?<name>…) are supported", at: start)
            }
        }
        let node = try parseChoice()
        guard take(")") else { throw error("the group is not closed", at: start) }
        return node
    }

    private mutating func parseEscape(from start: Int) throws(PatternError) -> PatternNode {
        if take("b") { return .assertion(.wordBoundary) }
        if take("B") { return .assertion(.noWordBoundary) }
        if let set = takeSet() { return .set(set) }
        return .scalar(try parseCharacterEscape(from: start))
    }

    /// The set of `\d`, `\D`, … behind a backslash.
    private mutating func takeSet() -> PatternClass? {
        let set: PatternClass
        switch next {
        case "d": set = .digits
        case "w": set = .word
        case "s": set = .space
        case "D": set = PatternClass(ranges: PatternClass.digits.complement)
        case "W": set = PatternClass(ranges: PatternClass.word.complement)
        case "S": set = PatternClass(ranges: PatternClass.space.complement)
        default: return nil
        }
        index += 1
        return set
    }

    private mutating func parseCharacterEscape(from start: Int) throws(PatternError) -> Unicode.Scalar {
        guard let scalar = next else { throw error("the pattern ends within an escape", at: start) }
        index += 1
        switch scalar {
        case "t": return "\t"
        case "n": return "\n"
        case "r": return "\r"
        case "f": return "\u{C}"
        case "v": return "\u{B}"
        case "0" where next?.isDecimalDigit != true: return "\0"
        case "x": return try parseCode(digits: 2, from: start)
        case "u": return try parseUnicode(from: start)
        case "0"..."9", "k":
            throw error("back-references are not supported, because they need backtracking", at: start)
        case "p", "P":
            throw error("Unicode properties are not supported; write the ranges, such as [a-zà-ÿ]", at: start)
        default:
            let isPunctuation = scalar.isASCII && scalar.value > 0x20 && !scalar.isNameStart && !scalar.isDecimalDigit
            guard isPunctuation else { throw error(#"the escape \\#(scalar) is unknown"#, at: start) }
            return scalar
        }
    }

    private mutating func parseUnicode(from start: Int) throws(PatternError) -> Unicode.Scalar {
        guard take("{") else { return try parseCode(digits: 4, from: start) }
        var count = 0
        while count < 6, let scalar = next, scalar.isHexDigit {
            count += 1
            index += 1
        }
        index -= count
        let scalar = try parseCode(digits: max(1, count), from: start)
        guard take("}") else { throw error("the escape is not closed", at: start) }
        return scalar
    }

    private mutating func parseCode(digits: Int, from start: Int) throws(PatternError) -> Unicode.Scalar {
        var value: UInt32 = 0
        for _ in 0..<digits {
            guard let scalar = next, scalar.isASCII, let digit = hexDigit(UInt8(scalar.value)) else {
                throw error("the escape needs \(digits) hex digits", at: start)
            }
            value = value << 4 | UInt32(digit)
            index += 1
        }
        guard let scalar = Unicode.Scalar(value) else {
            throw error("the escape names no character of Unicode", at: start)
        }
        return scalar
    }

    private mutating func parseClass(from start: Int) throws(PatternError) -> PatternClass {
        var set = PatternClass(ranges: [], isNegated: take("^"))
        while let scalar = next {
            if take("]") { return set }
            let itemStart = index
            let first = try parseClassItem()
            let isRange = next == "-" && index + 1 < scalars.count && scalars[index + 1] != "]"
            guard isRange else {
                set.ranges += first.ranges
                continue
            }
            index += 1
            let last = try parseClassItem()
            guard let low = first.single, let high = last.single else {
                throw error(#"a range goes from one character to another; for the hyphen write \-"#, at: itemStart)
            }
            guard low <= high else { throw error("the range from \(scalar) is the wrong way round", at: itemStart) }
            set.ranges.append(low...high)
        }
        throw error("the class is not closed: its ] is missing", at: start)
    }

    private mutating func parseClassItem() throws(PatternError) -> (ranges: [ClosedRange<UInt32>], single: UInt32?) {
        let start = index
        guard let scalar = next else { throw error("the class is not closed: its ] is missing", at: start) }
        index += 1
        guard scalar == "\\" else { return ([scalar.value...scalar.value], scalar.value) }
        if let set = takeSet() { return (set.ranges, nil) }
        if take("b") { return ([8...8], 8) }
        let escaped = try parseCharacterEscape(from: start)
        return ([escaped.value...escaped.value], escaped.value)
    }
}
