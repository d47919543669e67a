import WorkflowCore

/// SplitMix64: the same seed gives the same run.
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &self) }

    /// A JSON value with all that is awkward: controls, quotes, marks, large numbers, equal-looking names.
    mutating func json(depth: Int) -> JSONValue {
        switch below(depth > 0 ? 8 : 6) {
        case 0: return .null
        case 1: return .bool(below(2) == 0)
        case 2: return .integer(Int64(truncatingIfNeeded: next()))
        case 3: return .number(number())
        case 4, 5: return .string(text())
        case 6: return .array((0..<below(5)).map { _ in json(depth: depth - 1) })
        default: return .object(JSONObject((0..<below(5)).map { _ in (text(), json(depth: depth - 1)) }))
        }
    }

    mutating func text() -> String {
        let awkward: [Unicode.Scalar] = [
            "\"", "\\", "/", "\n", "\0", "\u{1F}", "\u{7F}", "e", "\u{301}", "é", "\u{2028}", "😀", "\u{FFFF}", "$", "{",
        ]
        var text = String.UnicodeScalarView()
        for _ in 0..<below(9) { text.append(awkward[below(awkward.count)]) }
        return String(text)
    }

    mutating func number() -> JSONNumber {
        var text = below(2) == 0 ? "-" : ""
        text += below(4) == 0 ? "0" : "\(1 + below(9))" + digits(below(30))
        if below(2) == 0 { text += "." + digits(1 + below(20)) }
        if below(3) == 0 { text += ["e", "E+", "e-"][below(3)] + digits(1 + below(4)) }
        return JSONNumber(text: text) ?? JSONNumber(0)
    }

    private mutating func digits(_ count: Int) -> String { (0..<count).map { _ in "\(below(10))" }.joined() }
}
