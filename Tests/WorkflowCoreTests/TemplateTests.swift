import Testing
import WorkflowCore

@Suite("Templates put values into text and trees")
struct TemplateTests {
    @Test(
        arguments: [
            ("", ""), ("plain", "plain"), ("${response.status}", 403),
            ("${response.body.items}", [["id": 7], ["id": 8]]), ("${response.body.none}", .null),
            ("${response.body.ok}", false),
            (" ${response.status}", " 403"), ("a${input.number}b${input.count}${true}", "a+34600111222b3true"),
            ("${1}${2}", "12"),
            ("/${response.body.big}/${response.body.one}/${response.body.tiny}", "/12345678901234567890/1/0.10"),
            ("$${x}", "${x}"), ("$$${x}", "$${x}"), ("$", "$"), ("$x {y} } $$", "$x {y} } $$"),
            ("cost: $5 ${'$${x}'}", "cost: $5 $${x}"), ("${ '}' }", "}"), ("${'{' + \"}\" + '\\'}'}", "{}'}"),
            ("é${'ü'}😀", "éü😀"), ("${'''a'}'''}!", "a'}!"),
        ] as [(String, JSONValue)])
    func `a template gives its value, by a table of single and mixed ones`(_ source: String, _ value: JSONValue) throws
    {
        #expect(try Template.parse(source).evaluate(sampleScope()) == .plain(value))
    }

    @Test(
        arguments: [
            ("${", 2), ("a ${x", 2), ("a ${'}", 4), ("${}", 2), ("${ }", 3), ("x${1 +}", 6), ("${a b}", 4),
            ("${{}}", 2), ("é${nope(1)}", 3), ("${x}${", 6), ("${1}}${", 7),
        ] as [(String, Int)])
    func `a mistake is told at its place in the template, by a table of wrong ones`(_ source: String, _ offset: Int) {
        let error = #expect(throws: ExpressionSyntaxError.self) { try Template.parse(source) }
        #expect(error?.offset == offset)
        #expect(error?.source == source)
    }

    @Test(
        arguments: [
            ("a${response.body.none}", .expression, 3), ("a${response.body}", .expression, 3),
            ("a${[1]}", .expression, 3), ("a${response.body.gone}", .missing, 17), ("${gone}", .missing, 2),
            ("a${data.sealed}", .secret, 3), ("a${1 + 'x'}", .expression, 5),
        ] as [(String, ExpressionError.Code, Int)])
    func `what cannot be written into text is an error at its place, by a table`(
        _ source: String, _ code: ExpressionError.Code, _ offset: Int
    ) throws {
        let template = try Template.parse(source)
        let error = #expect(throws: ExpressionError.self) { try template.evaluate(sampleScope()) }
        #expect(error?.code == code)
        #expect(error?.offset == offset)
    }

    @Test func `inserted values are not read again, by inserting text that looks like a template`() throws {
        var scope = ExpressionScope()
        scope["input"] = .json(["x": "${gone} $${y}"])
        #expect(try Template.parse("<${input.x}>").evaluate(scope) == .plain("<${gone} $${y}>"))
    }

    @Test func `literals and references are known without a run, by asking for them`() throws {
        #expect(try Template.parse("a$${b}").literalText == "a${b}")
        #expect(try Template.parse("").literalText == "")
        #expect(try Template.parse("${1}").isLiteral == false)
        let template = try Template.parse("é${input.a}/${has(data.b) ? data.b[0].c : run['id'].contains(input.d)}")
        #expect(
            template.references == [
                ExpressionReference(root: "input", path: ["a"], offset: 3),
                ExpressionReference(root: "data", path: ["b"], offset: 18, isPresenceTest: true),
                ExpressionReference(root: "data", path: ["b"], offset: 28),
                ExpressionReference(root: "run", path: ["id"], offset: 42),
                ExpressionReference(root: "input", path: ["d"], offset: 61),
            ])
    }

    @Test func `text with a secret in it is a secret and no plain text, by rendering a header`() throws {
        let template = try Template.parse("Bearer ${data.open}")
        guard case .secret(let secret) = try template.evaluate(sampleScope()) else { throw TestFailure("no secret") }
        #expect(secret.revealed?.revealText() == "Bearer Key-0123456789abWXYZ")
        #expect(secret.reference == nil)
        for source in ["Bearer ${data.open}", "${data.open}", "${data.sealed}"] {
            let error = #expect(throws: ExpressionError.self) { try Template.parse(source).text(sampleScope()) }
            #expect(error?.code == .secret)
        }
        #expect(try Template.parse("${response.status}").text(sampleScope()) == "403")
        let error = #expect(throws: ExpressionError.self) {
            try Template.parse("${response.body.none}").text(sampleScope())
        }
        #expect(error?.code == .expression)
    }

    @Test func `text does not grow beyond its limit, by inserting a long text`() throws {
        var scope = ExpressionScope()
        scope["x"] = .json(.string(String(repeating: "a", count: ExpressionLimits.textBytes)))
        _ = try Template.parse("${x}").evaluate(scope)
        let error = #expect(throws: ExpressionError.self) { try Template.parse("${x}b").evaluate(scope) }
        #expect(error?.code == .limit)
        #expect(throws: ExpressionSyntaxError.self) {
            try Template.parse(String(repeating: "a", count: ExpressionLimits.textBytes + 1))
        }
    }
}

@Suite("JSON templates make the trees that are sent")
struct JSONTemplateTests {
    private func template(_ text: String) throws -> JSONTemplate { try JSONTemplate(parsing: JSONValue.parse(text)) }

    @Test func `leaves keep their types and nulls from templates drop members, by rendering a body`() throws {
        let body = try template(
            #"{"n":"${response.status}","t":"n-${response.status}","gone":"${response.body.none}","kept":null,"list":["${response.body.none}",null,"${true}"],"deep":{"x":"${input.plan}"},"${a}x":"$${a}"}"#
        )
        let result = try body.evaluate(sampleScope())
        #expect(
            result.plain == [
                "n": 403, "t": "n-403", "kept": .null, "list": [.null, .null, true], "deep": .object(JSONObject()),
                "${a}x": "${a}",
            ])
        #expect(!result.containsSecret)
        #expect(result.reveal() == result.plain)
    }

    @Test func `parts without expressions are literals, by parsing such trees`() throws {
        #expect(try template(#"{"a":["x",1,null,"$${y}"]}"#) == .literal(["a": ["x", 1, .null, "${y}"]]))
        guard case .object(let members) = try template(#"{"a":{"b":1},"c":"${run.id}"}"#) else {
            throw TestFailure("no object")
        }
        #expect(members.first == JSONTemplate.Member(name: "a", value: .literal(["b": 1])))
        #expect(try template(#"{"c":["${run.id}"]}"#).references.map(\.text) == ["run.id"])
    }

    @Test func `a tree with a secret cannot be shown, by printing it every way`() throws {
        let result = try template(#"{"apiKey":"${data.open}","header":"Bearer ${data.short}"}"#).evaluate(sampleScope())
        #expect(result.containsSecret)
        #expect(result.plain == nil)
        #expect(result.reveal() == ["apiKey": "Key-0123456789abWXYZ", "header": "Bearer abcdefgh"])
        var dumped = ""
        dump(result, to: &dumped)
        for text in ["\(result)", String(reflecting: result), dumped] {
            #expect(!text.contains("Key-") && !text.contains("abcdefgh"))
        }
    }

    @Test func `a sealed secret is refused, by rendering one`() throws {
        let body = try template(#"{"a":[{"b":"${data.sealed}"}]}"#)
        let error = #expect(throws: ExpressionError.self) { try body.evaluate(sampleScope()) }
        #expect(error?.code == .secret)
    }

    @Test func `a wrong template is told with its path, by breaking one deep in a tree`() throws {
        let error = #expect(throws: JSONTemplateError.self) { try template(#"{"a":[1,{"b":"${x y}"}]}"#) }
        #expect(error?.path == ["a", "1", "b"])
        #expect(error?.error.offset == 4)
    }
}
