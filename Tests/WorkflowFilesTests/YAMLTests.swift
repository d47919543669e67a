import Testing
import WorkflowCore

@testable import WorkflowFiles

@Suite("YAML")
struct YAMLTests {
    private func value(_ text: String) -> JSONValue? { YAMLReader(Array("v: \(text)\n".utf8)).root?["v"] }

    @Test(arguments: [
        "+34600111222", "0612345678", "12:30:45", "yes", "no", "on", "off", "Yes", "True", "NULL", "0x1F", "1_000",
        ".5", "5.", "+5", "2026-01-01", ".inf", ".nan", "1e", "=",
    ])
    func `what only YAML 1.1 takes for numbers, times and booleans stays text, by reading plain scalars`(_ text: String)
    { #expect(value(text) == .string(text)) }

    @Test func `null, booleans and numbers are those of JSON, by reading plain scalars`() {
        #expect(value("") == .some(.null))
        #expect(value("~") == .some(.null))
        #expect(value("null") == .some(.null))
        #expect(value("true") == true)
        #expect(value("false") == false)
        #expect(value("-0.50e+2")?.serialized() == "-0.50e+2")
        #expect(value("12345678901234567890")?.serialized() == "12345678901234567890")
        #expect(value("'1'") == "1")
        #expect(value("\"null\"") == "null")
        #expect(value("|\n  true") == "true\n")
        #expect(value("[1, a]") == [1, "a"])
        #expect(value("{a: {b: 1}}") == ["a": ["b": 1]])
    }

    @Test func `a star and an ampersand in text are no alias and no anchor, by reading both in one file`() {
        #expect(value("[a * b, 'R&D', \"*x\", a&b]") == ["a * b", "R&D", "*x", "a&b"])
        #expect(YAMLReader(Array("# *see* R&D\nv: 1 # & more *\n".utf8)).problems.isEmpty)
    }

    @Test func `positions count lines and Unicode scalars from 1, by CR LF, accents and flow style`() {
        let reader = YAMLReader(Array("é: 1\r\nlist:\r\n  - {ü: 'x', b: [y]}\r\n".utf8))
        func position(_ path: DefinitionPath, _ spot: DefinitionPath.Spot) -> String {
            reader.positions.position(of: path, spot).description
        }
        let item = DefinitionPath([.name("list"), .index(0)])
        #expect(position(DefinitionPath([.name("é")]), .value) == "1:4")
        #expect(position(item, .value) == "3:5")
        #expect(position(item.member("ü"), .value) == "3:9")
        #expect(position(item.member("b"), .name) == "3:14")
        #expect(position(item.member("b").item(0), .value) == "3:18")
        #expect(position(item.member("missing").item(4), .value) == "3:5", "the nearest value around it")
    }

    @Test
    func `every duplicate key is told with its own place and the rest of the file is still checked, by three of them`()
    {
        let text = Samples.small(
            "version: 1\n", "version: 1\nversion: 2\nversion: 3\ntitle: a\n\"title\": b\nzebra: 1\n")
        #expect(
            printed(text).map { $0.prefix(79) } == [
                "small.yaml:4:1: E101 the key \"version\" is given twice in this mapping (first at",
                "small.yaml:5:1: E101 the key \"version\" is given twice in this mapping (first at",
                "small.yaml:7:1: E101 the key \"title\" is given twice in this mapping (first at 6",
                "small.yaml:8:1: E101 unknown key \"zebra\" in the file; it takes dsl, workflow, v",
            ])
    }

    @Test(
        arguments: [
            ([0x61, 0x3A, 0x20, 0xFF], "1:4: E100 the file is not UTF-8 here; save it as UTF-8."),
            ([0x61, 0x0A, 0xC3], "2:1: E100 the file is not UTF-8 here; save it as UTF-8."),
            (
                [0xEF, 0xBB, 0xBF, 0x61],
                "1:1: E100 the file holds a byte order mark (U+FEFF); save it as UTF-8 without BOM."
            ),
            ([0x61, 0x0D, 0x0A, 0x00], "2:1: E100 the character U+0000 is invisible and not allowed; remove it."),
            ([0x23, 0xE2, 0x80, 0xA8], "1:2: E100 the character U+2028 is invisible and not allowed; remove it."),
            ([], "1:1: E100 the file is empty; start with dsl: 1."),
            ([0x23, 0x0A], "1:1: E100 the file is empty; start with dsl: 1."),
            ([0x61, 0x3A, 0x20, 0x22, 0x5C, 0x30, 0x22], "1:4: E100 this text holds the character U+0000; remove it."),
            ([0x22, 0x5C, 0x30, 0x22, 0x3A, 0x20, 0x61], "1:1: E100 this text holds the character U+0000; remove it."),
        ] as [([UInt8], String)])
    func `what is no UTF-8 text is refused with its place, by bytes`(_ bytes: [UInt8], _ expected: String) {
        let problems = WorkflowFile.check(bytes, name: "f.yaml").problems.map(\.description)
        #expect(problems.contains("f.yaml:\(expected)"))
    }

    @Test(arguments: [("a: {b", "1:6"), ("a: 1\nb: {c: 'é'", "2:11"), ("a: 1\nbc", "2:3"), ("a: {b\n", "2:1")])
    func `a mistake at the end of a text without a last line break stands at its last line, by texts that stop short`(
        _ text: String, _ place: String
    ) {
        let problems = WorkflowFile.check(text, name: "f.yaml").problems
        #expect(problems.map(\.position.description) == [place])
        #expect(problems.first?.code == .notYAML)
    }

    @Test func `a file too large or too deep is refused, by one byte and one level too many`() {
        let large = Array(repeating: UInt8(ascii: "#"), count: SourceText.maximumBytes + 1)
        #expect(
            WorkflowFile.check(large, name: "f.yaml").problems.map(\.description) == [
                "f.yaml:1:1: E100 the file has 262145 bytes; a definition may have 262144; split the workflow."
            ])
        func nested(_ depth: Int) -> [String] {
            let text = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
            return YAMLReader(Array(text.utf8)).problems.map(\.message)
        }
        #expect(nested(64).isEmpty)
        #expect(nested(65) == ["values are nested deeper than 64 levels"])
        #expect(nested(900) == ["values are nested deeper than 64 levels"])
        #expect(nested(5000).first?.contains("Maximum nesting level") == true)
    }

    @Test func `aliases cannot multiply work, by anchors that double twenty times over used as keys`() {
        var text = "a0: &a0 [x, x]\n"
        for level in 1...20 { text += "a\(level): &a\(level) [*a\(level - 1), *a\(level - 1)]\n" }
        text += "? *a20\n: 1\n? *a20\n: 2\n"
        let clock = ContinuousClock()
        let started = clock.now
        let reader = YAMLReader(Array(text.utf8))
        #expect(reader.problems.first?.code == .unknownKey)
        #expect(clock.now - started < .seconds(5))
    }
}
