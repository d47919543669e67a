import Testing
import WorkflowCore

@Suite("JSON is read strictly")
struct JSONParserTests {
    @Test(
        arguments: [
            (" null ", .null), ("true", true), ("\t[\r\n]\n", .array([])), ("{ }", .object(JSONObject())),
            ("-0", .integer(0 as Int64)),
            (#""""#, ""), (#""a\"\\\/\b\f\n\r\té""#, "a\"\\/\u{8}\u{C}\n\r\té"), (#""\ud83d\ude00""#, "😀"),
            (#""\uD83D\uDE00x""#, "😀x"),
            (#""\u0000""#, "\0"), (#""\uFFFF\u2028""#, "\u{FFFF}\u{2028}"), ("\"\u{7F}\"", "\u{7F}"),
            (#"[1,"a",[],{"b":null}]"#, [1, "a", [], ["b": .null]]),
            (#"{"":1,"é":2,"e\u0301":3}"#, ["": 1, "é": 2, "e\u{301}": 3]),
        ] as [(String, JSONValue)])
    func `valid texts give their value, by comparing with the tree`(_ text: String, _ value: JSONValue) throws {
        #expect(try JSONValue.parse(text) == value)
        #expect(try JSONValue.parse(Array(text.utf8)) == value)
        #expect(try JSONValue.parse(AnyCollection(Array(text.utf8))) == value)
    }

    @Test(
        arguments: [
            ("", .truncated, 0), ("  ", .truncated, 2), ("[", .truncated, 1), ("{\"a\"", .truncated, 4),
            ("{\"a\":", .truncated, 5),
            ("[1", .truncated, 2), ("[1,", .truncated, 3), ("\"abc", .truncated, 4), ("\"\\", .truncated, 2),
            ("\"\\u12", .truncated, 5), ("tru", .truncated, 3),
            ("nul1", .syntax, 0), ("True", .syntax, 0), ("[1,]", .syntax, 3), ("[,1]", .syntax, 1),
            ("[1 2]", .syntax, 3), ("{,}", .syntax, 1),
            ("{\"a\":1,}", .syntax, 7), ("{a:1}", .syntax, 1), ("{'a':1}", .syntax, 1), ("{\"a\" 1}", .syntax, 5),
            ("{\"a\":1 \"b\":2}", .syntax, 7),
            ("// c\n1", .syntax, 0), ("NaN", .syntax, 0), ("+1", .syntax, 0), (".5", .syntax, 0),
            ("\u{FEFF}1", .syntax, 0),
            ("]", .syntax, 0), ("[}", .syntax, 1), ("\u{A0}1", .syntax, 0), ("\u{C}1", .syntax, 0),
            ("1 2", .trailingText, 2), ("{}x", .trailingText, 2), ("[]]", .trailingText, 2), ("1.", .invalidNumber, 0),
            ("0x1", .trailingText, 1),
            ("01", .invalidNumber, 0), ("-", .invalidNumber, 0), ("[-a]", .invalidNumber, 1),
            ("1e1234567890", .invalidNumber, 0), ("-012", .invalidNumber, 0),
            (#""\x""#, .invalidEscape, 1), (#""a\u12G4""#, .invalidEscape, 2), (#""\'""#, .invalidEscape, 1),
            (#""\ud800""#, .loneSurrogate, 1), (#""\udc00""#, .loneSurrogate, 1),
            (#""\ud800\u0041""#, .loneSurrogate, 1), (#""\ud800x""#, .loneSurrogate, 1),
            (#""\ude00\ud83d""#, .loneSurrogate, 1), (#""\ud83d\ud83d""#, .loneSurrogate, 1),
            ("\"a\nb\"", .controlCharacter, 2), ("\"\0\"", .controlCharacter, 1), ("\"\\n\t\"", .controlCharacter, 3),
            (#"{"a":1,"a":2}"#, .duplicateKey, 7), (#"{"a":1,"\u0061":2}"#, .duplicateKey, 7),
        ] as [(String, JSONError.Code, Int)])
    func `invalid texts are refused with their reason and place, by comparing code and offset`(
        _ text: String, _ code: JSONError.Code, _ offset: Int
    ) {
        let error = #expect(throws: JSONError.self) { try JSONValue.parse(text) }
        #expect(error?.code == code)
        #expect(error?.offset == offset)
    }

    @Test(
        arguments: [
            ([0x22, 0x61, 0xFF, 0x22], 2), ([0x22, 0xC0, 0x80, 0x22], 1), ([0x22, 0xED, 0xA0, 0x80, 0x22], 1),
            ([0x22, 0xC3, 0xA9, 0xE2, 0x82, 0x22], 3),
            ([0x22, 0xF4, 0x90, 0x80, 0x80, 0x22], 1), ([0x22, 0x5C, 0x6E, 0x80, 0x22], 3),
            ([0x22, 0xF0, 0x9F, 0x98, 0x5C, 0x6E, 0x22], 1),
        ] as [([UInt8], Int)])
    func `invalid UTF-8 is refused where it starts, by parsing ill-formed bytes`(_ bytes: [UInt8], _ offset: Int) {
        let error = #expect(throws: JSONError.self) { try JSONValue.parse(bytes) }
        #expect(error?.code == .invalidUTF8)
        #expect(error?.offset == offset)
    }

    @Test func `an error names line and column, by breaking the third line`() {
        let error = #expect(throws: JSONError.self) { try JSONValue.parse("{\n \"é\": 1,\n \"ü\": ?}") }
        #expect(error?.line == 3)
        #expect(error?.column == 7)
    }

    @Test(arguments: [1, 64, 512])
    func `depth is limited to exactly the limit, by nesting up to it and beyond`(_ depth: Int) throws {
        let limits = JSONLimits(depth: depth)
        func nested(_ levels: Int) -> String {
            String(repeating: "[", count: levels) + String(repeating: "]", count: levels)
        }
        _ = try JSONValue.parse(nested(depth), limits: limits)
        let error = #expect(throws: JSONError.self) { try JSONValue.parse(nested(depth + 1), limits: limits) }
        #expect(error?.code == .tooDeep)
        #expect(throws: JSONError.self) { try JSONValue.parse(String(repeating: "{\"a\":[", count: 400_000)) }
        #expect(
            try JSONValue.parse("[" + Array(repeating: "[[]]", count: 100).joined(separator: ",") + "]").arrayValue?
                .count == 100)
    }

    @Test func `a limit beyond the safe recursion is lowered, by nesting deeper than 512`() {
        let text = String(repeating: "[", count: 600) + String(repeating: "]", count: 600)
        let error = #expect(throws: JSONError.self) { try JSONValue.parse(text, limits: JSONLimits(depth: 100_000)) }
        #expect(error?.code == .tooDeep)
    }

    @Test func `size is limited to exactly 1 MiB, by texts at the limit and one byte over`() throws {
        let fitting = "\"" + String(repeating: "x", count: 1 << 20 - 2) + "\""
        #expect(try JSONValue.parse(fitting).stringValue?.utf8.count == 1 << 20 - 2)
        let error = #expect(throws: JSONError.self) { try JSONValue.parse(fitting + " ") }
        #expect(error?.code == .tooLarge)
    }

    @Test func `many names are checked for duplicates, by a large object with and without one`() throws {
        let members = (0..<60_000).map { "\"key\($0)\":\($0 % 10)" }.joined(separator: ",")
        #expect(try JSONValue.parse("{\(members)}").objectValue?.count == 60_000)
        let error = #expect(throws: JSONError.self) { try JSONValue.parse("{\(members),\"key3\":0}") }
        #expect(error?.code == .duplicateKey)
    }

    @Test func `NUL is found in strings and names, by parsing values with and without it`() throws {
        #expect(try JSONValue.parse(#"[{"a":"x\u0000"}]"#).containsNul)
        #expect(try JSONValue.parse(#"{"\u0000":1}"#).containsNul)
        #expect(try !JSONValue.parse(#"[{"a":"x\\u0000"},0,null]"#).containsNul)
    }
}
