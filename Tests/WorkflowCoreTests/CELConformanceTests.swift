import Testing
import WorkflowCore

/// One line of a conformance table: an expression and what CEL says it comes to.
struct ConformanceCase: Sendable, CustomTestStringConvertible {
    let source: String
    /// JSON, or `!` and the code of an error.
    let expected: String

    var testDescription: String { "\(source) => \(expected)" }

    /// `expression => value or !error`, one on each line; empty lines and lines with # are for people.
    static func table(_ text: String) -> [ConformanceCase] {
        text.split(separator: "\n").filter { !$0.hasPrefix("#") }.map { text in
            let line = String(text)
            guard let arrow = line.range(of: " => ") else { return ConformanceCase(source: line, expected: "") }
            return ConformanceCase(
                source: String(line[..<arrow.lowerBound]).trimmed, expected: String(line[arrow.upperBound...]).trimmed)
        }
    }

    /// What the expressions of all tables see.
    static let bindings = #"""
        {"x": 123, "half": 0.5, "text": "Zürich", "yes": true, "no": false, "nothing": null, "none": [], "zero": [0],
         "empty": {}, "squares": [0, 1, 4, 9, 16], "mixed": [1, "two", 3.0, null, [5]],
         "map": {"one": 1, "two": 2, "pair": ["a", "b"], "inner": {"k": "v"}, "null": null, "void": null},
         "same": {"inner": {"k": "v"}, "void": null, "null": null, "pair": ["a", "b"], "two": 2.0, "one": 1e0},
         "deep": {"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": {"i": {"j": {"k": {"l": 12}}}}}}}}}}}}}
        """#

    static func scope() throws -> ExpressionScope {
        var scope = ExpressionScope()
        for (name, value) in try JSONValue.parse(bindings).objectValue?.members ?? [] { scope[name] = .json(value) }
        return scope
    }

    func check() throws {
        let (found, type) = Self.outcome(of: source, in: try Self.scope())
        if expected.hasPrefix("!") {
            #expect(found == expected, "\(source)")
        } else {
            #expect(try type != nil && JSONValue.parse(found) == JSONValue.parse(expected), "\(source) is \(found)")
        }
    }

    /// The value as JSON, or `!` and the code of the error; nil as type for an error.
    static func outcome(of source: String, in scope: ExpressionScope) -> (text: String, type: String?) {
        do {
            guard case .plain(let value) = try Expression.parse(source).evaluate(scope) else { return ("!secret", nil) }
            return (value.serialized(), value.typeName)
        } catch let error as ExpressionSyntaxError {
            return ("!\(error.code.rawValue)", nil)
        } catch let error as ExpressionError {
            return ("!\(error.code.rawValue)", nil)
        } catch {
            return ("!\(error)", nil)
        }
    }
}

extension String {
    fileprivate var trimmed: String {
        var rest = self[...]
        while rest.first == " " { rest.removeFirst() }
        while rest.last == " " { rest.removeLast() }
        return String(rest)
    }

    fileprivate func range(of part: String) -> Range<String.Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(part) { return start..<index(start, offsetBy: part.count) }
            start = index(after: start)
        }
        return nil
    }
}

@Suite("Expressions agree with CEL's conformance cases")
struct CELConformanceTests {
    @Test func `there are hundreds of cases, and no line is written twice, by counting`() {
        let all = ConformanceCase.all
        #expect(all.count >= 300)
        #expect(Set(all.map(\.source)).count == all.count, "\(all.map(\.source).repeated)")
        #expect(all.allSatisfy { !$0.expected.isEmpty })
    }

    @Test(arguments: ConformanceCase.basics)
    func `literals, names and conversions, by table`(_ item: ConformanceCase) throws { try item.check() }

    @Test(arguments: ConformanceCase.arithmetic)
    func `arithmetic of ints and doubles, by table`(_ item: ConformanceCase) throws { try item.check() }

    @Test(arguments: ConformanceCase.equality)
    func `equality across types, by table`(_ item: ConformanceCase) throws { try item.check() }

    @Test(arguments: ConformanceCase.order)
    func `order within and across types, by table`(_ item: ConformanceCase) throws { try item.check() }

    @Test(arguments: ConformanceCase.logic)
    func `logic absorbs errors in any order, by table`(_ item: ConformanceCase) throws { try item.check() }

    @Test(arguments: ConformanceCase.strings)
    func `strings by code points, by table`(_ item: ConformanceCase) throws { try item.check() }

    @Test(arguments: ConformanceCase.collections)
    func `lists, maps and presence, by table`(_ item: ConformanceCase) throws { try item.check() }

    @Test func `nesting and repetition that every implementation must take, by building them`() throws {
        func repeated(_ text: String, _ count: Int) -> String { String(repeating: text, count: count) }
        for (source, expected) in [
            (repeated("(", 32) + "5" + repeated(")", 32), "5"),
            (repeated("zero[", 12) + "0" + repeated("]", 12), "0"),
            ("size(" + repeated("[", 12) + "1" + repeated("]", 12) + ")", "1"),
            (repeated("int(string(", 6) + "8" + repeated("))", 6), "8"),
            (repeated("true ? true : ", 24) + "false", "true"),
            (repeated("false ? false : ", 24) + "true", "true"),
            (repeated("false || ", 31) + "true", "true"),
            (repeated("true && ", 31) + "false", "false"),
            (repeated("5 - 5 + ", 12) + "5", "5"),
            (repeated("!", 32) + "false", "false"), (repeated("-", 32) + "21", "21"),
            (repeated("-", 31) + "21", "-21"),
            (repeated("[", 12) + "'in'" + repeated("]", 12) + repeated("[0]", 12), "\"in\""),
            ("[" + (0..<32).map(String.init).joined(separator: ", ") + "][29]", "29"),
            ("deep.a.b.c.d.e.f.g.h.i.j.k.l", "12"),
            ("deep['a']['b']['c']['d']['e']['f']['g']['h']['i']['j']['k']['l']", "12"),
        ] {
            try ConformanceCase(source: source, expected: expected).check()
        }
    }
}

extension [String] {
    var repeated: [String] {
        var seen: Set<String> = []
        return filter { !seen.insert($0).inserted }
    }
}
