import Testing
import WorkflowCore

@Suite("Expressions outside the subset are refused")
struct ExpressionSyntaxTests {
    @Test(
        arguments: [
            ("", .syntax, 0), ("  ", .syntax, 2), ("1 +", .syntax, 3), ("1 2", .syntax, 2), ("a b", .syntax, 2),
            ("a 'b'", .syntax, 2), ("(1", .syntax, 2), ("1)", .syntax, 1), ("[1", .syntax, 2), ("[,]", .syntax, 1),
            ("a[", .syntax, 2), ("a[]", .syntax, 2),
            ("a.", .syntax, 2), ("a.1", .syntax, 1), ("a.'b'", .syntax, 2), ("a.in", .syntax, 2),
            ("a.true", .syntax, 2), ("1 < 2 < 3", .syntax, 6), ("1 == 1 == true", .syntax, 7), ("a = 1", .syntax, 2),
            ("a & b", .syntax, 2), ("a | b", .syntax, 2), ("a ? b", .syntax, 5), ("a : b", .syntax, 2),
            ("? 1 : 2", .syntax, 0),
            ("'a", .syntax, 0), ("'a\nb'", .syntax, 0), ("'''a''", .syntax, 0), (#"'\q'"#, .syntax, 1),
            (#"'\x4'"#, .syntax, 1), (#"'\ud800'"#, .syntax, 1), (#"'\U00110000'"#, .syntax, 1), (#"'\8'"#, .syntax, 1),
            (#"'\09x'"#, .syntax, 1), ("rr'a'", .syntax, 0), ("'a'c'", .syntax, 3),
            ("9223372036854775808", .syntax, 0), ("-9223372036854775809", .syntax, 1),
            ("99999999999999999999", .syntax, 0), ("0x", .syntax, 0), ("0x1FFFFFFFFFFFFFFFF", .syntax, 0),
            ("1e999", .syntax, 0), ("1e", .syntax, 0), ("1abc", .syntax, 0), ("1.", .syntax, 2), ("é", .syntax, 0),
            ("a;b", .syntax, 1), ("a@b", .syntax, 1), ("}", .syntax, 0), ("return", .syntax, 0),
            ("package.x", .syntax, 0),
            ("1u", .unsupported, 1), ("0x1U", .unsupported, 3), ("2 * 3", .unsupported, 2), ("4 / 2", .unsupported, 2),
            ("4 % 2", .unsupported, 2), ("b'x'", .unsupported, 0), ("Rb'x'", .unsupported, 0),
            ("{'a': 1}", .unsupported, 0), ("a.`b-c`", .unsupported, 2),
            ("now()", .unknownFunction, 0), ("matches('a', 'b')", .unknownFunction, 0),
            ("double(1)", .unknownFunction, 0), ("'a'.matches('b')", .unknownFunction, 4),
            ("[1].exists(x, x == 1)", .unknownFunction, 4), ("1 + env('HOME')", .unknownFunction, 4),
            ("contains('a')", .unknownFunction, 0),
            ("size()", .syntax, 0), ("size(1, 2)", .syntax, 0), ("'a'.contains()", .syntax, 4),
            ("'a'.lowerAscii(1)", .syntax, 4), ("size(1,)", .syntax, 7), ("has(a)", .syntax, 4),
            ("has(a[0])", .syntax, 4), ("has(a.contains('x'))", .syntax, 4), ("has(1 + 2)", .syntax, 6),
            ("has('x')", .syntax, 4),
        ] as [(String, ExpressionSyntaxError.Code, Int)])
    func `a mistake is told with its kind and place, by a table of wrong expressions`(
        _ source: String, _ code: ExpressionSyntaxError.Code, _ offset: Int
    ) {
        let error = #expect(throws: ExpressionSyntaxError.self) { try Expression.parse(source) }
        #expect(error?.code == code)
        #expect(error?.offset == offset)
    }

    @Test func `length is limited to exactly 1 KiB, by expressions at the limit and beyond`() throws {
        let fitting = "'" + String(repeating: "é", count: 511) + "'"
        #expect(fitting.utf8.count == ExpressionLimits.sourceBytes)
        _ = try Expression.parse(fitting)
        for source in [
            fitting + " ", "'" + String(repeating: "x", count: 1023) + "'",
            String(repeating: "!", count: 5000) + "true", "'" + String(repeating: "x", count: 100_000),
        ] {
            let error = #expect(throws: ExpressionSyntaxError.self) { try Expression.parse(source + "+ 1") }
            #expect(error?.code == .limit || source.count > 6000)
        }
        #expect(throws: ExpressionSyntaxError.self) { try Expression.parse(String(repeating: " ", count: 1024) + "1") }
    }

    @Test func `depth is limited to 32 for every construct that nests, by nesting up to it and beyond`() throws {
        func nested(_ open: String, _ close: String, _ levels: Int) -> String {
            String(repeating: open, count: levels) + "1" + String(repeating: close, count: levels)
        }
        for (open, close) in [
            ("(", ")"), ("[", "]"), ("string(", ")"), ("a[", "]"), ("true ? ", ": 2"), ("true ? 1 : ", ""),
            ("''.contains(", ")"),
        ] {
            _ = try Expression.parse(nested(open, close, 31))
            let error = #expect(throws: ExpressionSyntaxError.self) { try Expression.parse(nested(open, close, 33)) }
            #expect(error?.code == .limit)
        }
    }

    @Test func `chains are as long as the source allows, by evaluating the longest of each`() throws {
        let scope = try sampleScope()
        #expect(try Expression.parse("1" + String(repeating: "+1", count: 511)).evaluate(scope) == .plain(512))
        #expect(try Expression.parse(String(repeating: "!", count: 1000) + "true").evaluate(scope) == .plain(true))
        #expect(try Expression.parse("true" + String(repeating: "&&true", count: 150)).evaluate(scope) == .plain(true))
        let path = try Expression.parse("a" + String(repeating: ".b", count: 500))
        #expect(path.references.first?.path.count == 500)
        let error = #expect(throws: ExpressionError.self) { try path.evaluate(scope) }
        #expect(error?.code == .missing)
    }

    @Test
    func `any text is read or refused without a trap, by random text from the language's own characters`() throws {
        var random = SeededRandom(seed: 3)
        let scope = try sampleScope()
        let pieces = [
            "input", ".", "number", "[", "]", "(", ")", "'", "\"", "\\", "r'", "'''", "1", "0x", "1.5", "e9", "+", "-",
            "!", "==", "<", " in ", "&&", "||", "?", ":", ",", "has(", "size(", "data.open", "fingerprint(",
            ".contains(", "${", "}", "$", "é", "\n", "null", "[]", "response.body",
        ]
        var evaluated = 0
        for _ in 0..<20_000 {
            let source = (0..<(1 + random.below(12))).map { _ in pieces[random.below(pieces.count)] }.joined()
            _ = try? Template.parse(source).evaluate(scope)
            guard let expression = try? Expression.parse(source) else { continue }
            _ = expression.analyse { _ in nil }
            _ = try? expression.evaluate(scope)
            evaluated += 1
        }
        #expect(evaluated > 300)
    }

    @Test func `work on large values ends at the budget, by comparing a large list again and again`() throws {
        var scope = ExpressionScope()
        scope["big"] = .json(.array(Array(repeating: .string(String(repeating: "x", count: 1000)), count: 1000)))
        scope["text"] = .json(.string(String(repeating: "a", count: 1_000_000)))
        _ = try Expression.parse("big == big").evaluate(scope)
        let list = Array(repeating: "big == big", count: 20).joined(separator: " && ")
        let error = #expect(throws: ExpressionError.self) { try Expression.parse(list).evaluate(scope) }
        #expect(error?.code == .limit)
        let absorbed = #expect(throws: ExpressionError.self) { try Expression.parse(list + " || true").evaluate(scope) }
        #expect(absorbed?.code == .limit)
        let joined = #expect(throws: ExpressionError.self) {
            try Expression.parse("text + 'b' == '' || true").evaluate(scope)
        }
        #expect(joined?.code == .limit)
        #expect(
            try Expression.parse("text").evaluate(scope) == .plain(.string(String(repeating: "a", count: 1_000_000))))
    }
}
