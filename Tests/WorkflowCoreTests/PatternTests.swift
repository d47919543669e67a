import Testing

@testable import WorkflowCore

@Suite("Patterns match without backtracking")
struct PatternTests {
    @Test(
        arguments: [
            ("", ["", "x"], []), ("abc", ["abc", "xabcx"], ["ab", "acb"]),
            ("^abc$", ["abc"], ["abcx", "xabc", "abc\n"]), ("a.c", ["abc", "aéc", "a😀c"], ["ac", "a\nc"]),
            (
                #"^\+[1-9][0-9]{7,14}$"#, ["+34600111222", "+12345678"],
                ["34600111222", "+0123456789", "+1234567", "+1234567890123456"]
            ),
            ("^a*$", ["", "aaa"], ["ab"]), ("^a+$", ["a", "aa"], [""]), ("^a?b$", ["b", "ab"], ["aab"]),
            ("^a{2}$", ["aa"], ["a", "aaa"]), ("^a{2,}$", ["aa", "aaaa"], ["a"]), ("^a{0,2}$", ["", "aa"], ["aaa"]),
            ("^a{0}$", [""], ["a"]), ("^(ab|cd)+$", ["ab", "abcd"], ["abc", ""]),
            ("^a|b$", ["ax", "xb"], ["xa", "bx"]), ("^(|a)$", ["", "a"], ["b"]),
            ("^a+?b??$", ["a", "aab"], ["b"]), ("^(?:a|b)(?<name>c)$", ["ac", "bc"], ["ab"]),
            ("^[a-c1]$", ["a", "c", "1"], ["d", "-"]), ("^[^a-c]$", ["d", "\n"], ["a"]), ("^[-a]$", ["-", "a"], ["b"]),
            ("^[a-]$", ["-", "a"], ["b"]), (#"^[\d\-x]$"#, ["5", "-", "x"], ["d"]),
            (#"^[^\W_]$"#, ["a", "9"], ["_", "-", "é"]), (#"^[\]\\]$"#, ["]", "\\"], ["["]), ("[]", [], ["", "a"]),
            ("^[^]$", ["a", "\n"], [""]),
            (#"^\d\D\w\W\s\S$"#, ["1aa! x"], ["aaa! x"]), (#"^\w$"#, ["_", "Z"], ["é", "-"]),
            (#"^\s$"#, ["\u{A0}", "\u{FEFF}", "\t"], ["x"]), (#"\bcat\b"#, ["a cat.", "cat"], ["cats", "concat"]),
            (#"\Bcat"#, ["concat"], ["cat"]), (#"^\x41\u00e9\u{1F600}\t\.\/\$\{\}$"#, ["Aé😀\t./${}"], ["A"]),
            ("^é$", ["é"], ["e\u{301}"]), ("^.{2}$", ["e\u{301}", "😀😀"], ["é", "👍🏽x"]),
            ("(a*)*b", ["b", "aab"], ["aac"]), ("^(a?){3}$", ["", "aaa"], ["aaaa"]), ("$^", [""], ["a"]),
            ("a$|^b", ["xa", "bx"], ["ax"]),
        ] as [(String, [String], [String])])
    func `texts match or not as JSON Schema says, by a table`(
        _ source: String, _ matching: [String], _ others: [String]
    ) throws {
        let pattern = try Pattern.parse(source)
        for text in matching { #expect(pattern.matches(text), "\(source) must match \(text)") }
        for text in others { #expect(!pattern.matches(text), "\(source) must not match \(text)") }
    }

    @Test(
        arguments: [
            (#"(a)\1"#, "back-reference", 3), (#"\k<a>"#, "back-reference", 0), ("a(?=b)", "look-around", 1),
            ("(?!a)", "look-around", 0), ("(?<=a)b", "look-around", 0), ("(?<!a)b", "look-around", 0),
            ("(?i)a", "groups with ?", 0), (#"\p{L}"#, "properties", 0),
            ("(a", "not closed", 0), ("a)", "closes nothing", 1), ("[a", "not closed", 0), ("[a-", "not closed", 0),
            ("a]", "closes nothing", 1), ("a}", "closes nothing", 1), ("*a", "repeats nothing", 0),
            ("a|+", "repeats nothing", 2), ("(?:*)", "repeats nothing", 3), ("a**", "cannot be repeated", 2),
            ("a++", "cannot be repeated", 2), ("^*", "cannot be repeated", 0), (#"\b+"#, "cannot be repeated", 0),
            ("a{", "repetition is", 1), ("a{x}", "repetition is", 1), ("a{1,2", "repetition is", 1),
            ("a{,2}", "repetition is", 1), ("a{3,2}", "wrong way", 1), ("a{1001}", "goes up to", 1),
            ("a{99999999999999999999}", "goes up to", 1), ("[b-a]", "wrong way", 1), (#"[\d-z]"#, "range", 1),
            (#"\q"#, "unknown", 0), (#"a\"#, "within an escape", 1), (#"\u12"#, "hex digits", 0),
            (#"\u{110000}"#, "no character", 0), (#"\u{}"#, "hex digits", 0), ("(?<a", "not closed", 0),
        ] as [(String, String, Int)])
    func `what is wrong or needs backtracking is refused with its place, by a table`(
        _ source: String, _ reason: String, _ offset: Int
    ) {
        let error = #expect(throws: PatternError.self) { try Pattern.parse(source) }
        #expect(error?.message.contains(reason) == true)
        #expect(error?.offset == offset)
    }

    @Test(arguments: [
        "((a{1000}){1000}){1000}", "(((){1000}){1000}){1000}", "(a|b){1000}{1}", "((a{0,1000}){0,1000})",
        String(repeating: "a", count: 1025), String(repeating: "(", count: 40) + String(repeating: ")", count: 40),
    ])
    func `patterns that would explode are refused before they grow, by multiplying repetitions`(_ source: String) {
        #expect(throws: PatternError.self) { try Pattern.parse(source) }
    }

    @Test(arguments: [
        "^(a+)+$", "^(a|a)*$", "^(a|aa)+$", "(.*)*y", "^(([a-z])+.)+[A-Z]$", "^(a?){30}a{30}$", "(x+x+)+y",
        "^([0-9a-f]*)*(:([0-9a-f]*)*)*$",
    ])
    func `patterns that break backtracking engines take bounded steps, by counting them`(_ source: String) throws {
        let pattern = try Pattern.parse(source)
        for text in [String(repeating: "a", count: 3000) + "!", String(repeating: "x", count: 3000)] {
            var machine = PatternMachine(program: pattern.program)
            let isMatch = machine.run(text.unicodeScalars)
            #expect(!isMatch)
            #expect(machine.steps > 0)
            #expect(machine.steps <= 2 * pattern.program.count * (text.unicodeScalars.count + 1))
        }
    }

    @Test func `random patterns agree with a naive matcher, by trying both on short texts`() throws {
        var random = SeededRandom(seed: 4)
        var hits = 0
        for _ in 0..<3000 {
            let node = random.pattern(depth: 3)
            let pattern = try Pattern.parse("^(?:" + node.source + ")$")
            for _ in 0..<4 {
                let text = (0..<random.below(5)).map { _ in ["a", "b", "c"][random.below(3)] }.joined()
                let expected = node.ends(in: Array(text), from: 0).contains(text.count)
                #expect(pattern.matches(text) == expected, "\(pattern.source) on \(text)")
                if expected { hits += 1 }
            }
        }
        #expect(hits > 1000)
    }
}

/// A pattern with an obviously right, slow matcher.
private indirect enum NaivePattern {
    case letter(Character)
    case any
    case sequence([NaivePattern])
    case choice([NaivePattern])
    case repeated(NaivePattern, Int, Int)

    var source: String {
        switch self {
        case .letter(let letter): String(letter)
        case .any: "."
        case .sequence(let nodes): nodes.map(\.source).joined()
        case .choice(let nodes): "(" + nodes.map(\.source).joined(separator: "|") + ")"
        case .repeated(let node, let low, let high): "(?:\(node.source)){\(low),\(high)}"
        }
    }

    func ends(in text: [Character], from start: Int) -> Set<Int> {
        switch self {
        case .letter(let letter): return start < text.count && text[start] == letter ? [start + 1] : []
        case .any: return start < text.count ? [start + 1] : []
        case .sequence(let nodes):
            return nodes.reduce([start]) { places, node in Set(places.flatMap { node.ends(in: text, from: $0) }) }
        case .choice(let nodes): return Set(nodes.flatMap { $0.ends(in: text, from: start) })
        case .repeated(let node, let low, let high):
            var places: Set<Int> = [start]
            var found: Set<Int> = low == 0 ? [start] : []
            for count in 1...max(1, high) where count <= high {
                places = Set(places.flatMap { node.ends(in: text, from: $0) })
                if count >= low { found.formUnion(places) }
            }
            return found
        }
    }
}

extension SeededRandom {
    fileprivate mutating func pattern(depth: Int) -> NaivePattern {
        switch below(depth > 0 ? 6 : 3) {
        case 0: return .letter("a")
        case 1: return .letter("b")
        case 2: return .any
        case 3: return .sequence((0..<below(4)).map { _ in pattern(depth: depth - 1) })
        case 4: return .choice((0...below(3)).map { _ in pattern(depth: depth - 1) })
        default:
            let low = below(3)
            return .repeated(pattern(depth: depth - 1), low, low + below(3))
        }
    }
}
