import Testing
import WorkflowCore

@Suite("Fields are checked with words for people")
struct FieldCheckTests {
    @Test(
        arguments: [
            (.string, ["", "x"]),
            (
                .integer,
                [
                    1, .number(JSONNumber(text: "1.0") ?? JSONNumber(0)),
                    .number(JSONNumber(text: "1e30") ?? JSONNumber(0)),
                ]
            ),
            (.number, [1, .number(JSONNumber(double: 0.5) ?? JSONNumber(0))]), (.boolean, [true, false]),
            (.object, [["a": 1]]),
            (.array, [[], [1]]), (.null, [.null]),
        ] as [(FieldDefinition.Kind, [JSONValue])])
    func `each kind takes its values and no others, by checking one of each`(
        _ kind: FieldDefinition.Kind, _ values: [JSONValue]
    ) {
        let field = FieldDefinition(name: "f", kinds: [kind])
        for value in values { #expect(field.problem(with: value) == nil) }
        let all: [JSONValue] = ["x", true, ["a": 1], [1], .null, 0.5.json]
        for value in all where !values.contains(where: { $0.typeName == value.typeName }) {
            #expect(field.problem(with: value)?.hasPrefix("f must be ") == true)
        }
        #expect(FieldDefinition(name: "f", kinds: [kind, .null]).problem(with: .null) == nil)
    }

    @Test func `a sentence says what is wanted and what is there, by breaking each check`() throws {
        let number = FieldDefinition(name: "number", kinds: [.string], pattern: #"^\+[1-9][0-9]{7,14}$"#)
        #expect(number.problem(with: "+34600111222") == nil)
        #expect(number.problem(with: "0600") == #"number must match ^\+[1-9][0-9]{7,14}$; this is "0600""#)
        #expect(number.problem(with: 5) == "number must be text; this is a whole number")
        let integer = FieldDefinition(
            name: "n", kinds: [.integer, .null], minimum: JSONNumber(1), maximum: JSONNumber(9))
        #expect(integer.problem(with: 0.5.json) == "n must be a whole number or null; this is a number with a fraction")
        #expect(integer.problem(with: 0) == "n must be at least 1; this is 0")
        #expect(integer.problem(with: 10) == "n must be at most 9; this is 10")
        #expect(integer.problem(with: 9) == nil)
        let text = FieldDefinition(name: "t", kinds: [.string], minimumLength: 2, maximumLength: 3)
        #expect(text.problem(with: "é") == "t must have at least 2 characters; this has 1")
        #expect(text.problem(with: "e\u{301}") == nil)
        #expect(text.problem(with: "😀😀😀😀") == "t must have at most 3 characters; this has 4")
        let choice = FieldDefinition(name: "c", kinds: [.string, .number], allowedValues: ["a", 1])
        #expect(choice.problem(with: "b") == #"c must be one of "a", 1; this is "b""#)
        #expect(choice.problem(with: 1.0.json) == nil)
        #expect(
            FieldDefinition(name: "w", kinds: [.string], pattern: "(").problem(with: "x")?.contains("pattern is wrong")
                == true)
    }

    @Test func `a secret is never quoted, by breaking each check with one`() {
        let field = FieldDefinition(
            name: "key", kinds: [.string], isSecret: true, pattern: "^k", minimumLength: 3, maximumLength: 10,
            allowedValues: ["kkk", "kk", "abc"])
        for value in ["hunter2", "kk", "abc"] as [JSONValue] {
            let problem = field.problem(with: value)
            #expect(problem?.contains("hunter2") == false)
            #expect(problem?.contains("this") == false)
        }
    }
}
