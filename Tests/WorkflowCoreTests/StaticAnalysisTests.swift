import Testing
import WorkflowCore

@Suite("Types and secrets are known before any run")
struct StaticAnalysisTests {
    private func environment(_ reference: ExpressionReference) -> StaticType? {
        switch reference.text {
        case "input.text", "run.id": StaticType(.string)
        case "input.whole", "response.status": StaticType(.int)
        case "input.number": StaticType(.number)
        case "input.flag": StaticType(.bool)
        case "input.list": StaticType(.array)
        case "input", "response.headers", "data": StaticType(.object)
        case "data.key", "secrets.admin": StaticType(.string, isSecret: true)
        default: nil
        }
    }

    @Test(
        arguments: [
            ("input.text", .string, false), ("input.whole + 1", .int, false), ("input.number + 1", .number, false),
            ("input.whole + 1.5", .number, false), ("gone.x", .dynamic, false), ("gone.x + 'a'", .string, false),
            ("[1]", .array, false), ("input", .object, false), ("input.list[0]", .dynamic, false),
            ("null", .null, false),
            ("input.whole == 1", .bool, false), ("true ? 1 : 2", .int, false), ("true ? 1 : 'a'", .dynamic, false),
            ("size(input.text)", .int, false), ("string(1)", .string, false), ("int('1')", .int, false),
            ("input.text.contains('x')", .bool, false), ("!input.flag", .bool, false),
            ("-input.number", .number, false),
            ("data.key", .string, true), ("'a' + data.key", .string, true), ("data.key + 'a' + 'b'", .string, true),
            ("input.flag ? 'a' : data.key", .string, true), ("string(data.key)", .string, true),
            ("data.key.lowerAscii()", .string, true), ("data['key']", .string, true), ("(data.key)", .string, true),
            ("has(data.key)", .bool, false), ("fingerprint(data.key)", .string, false),
            ("last4(data.key)", .string, false), ("has(data.key) ? 'x' : 'y'", .string, false),
            ("fingerprint(data.key) == 'x'", .bool, false), ("fingerprint(gone.x)", .string, false),
            ("fingerprint(string(data.key))", .string, false), ("has(input.text[0].x)", .bool, false),
            ("last4(data.key + 'a')", .string, false),
        ] as [(String, StaticType.Kind, Bool)])
    func `the type of a result is found, by a table`(_ source: String, _ kind: StaticType.Kind, _ isSecret: Bool) throws
    {
        let analysis = try Expression.parse(source).analyse(environment)
        #expect(analysis.type == StaticType(kind, isSecret: isSecret))
        #expect(analysis.problems.isEmpty)
    }

    @Test(
        arguments: [
            ("input.text == 1", .type, 11), ("input.text + 1", .type, 11), ("input.flag + 1", .type, 11),
            ("null + 'a'", .type, 5), ("'a' - 'b'", .type, 4), ("input.text < 1", .type, 11),
            ("input.list < [1]", .type, 11), ("1 in input.text", .type, 2), ("!input.text", .type, 1),
            ("-input.text", .type, 0),
            ("input.text && true", .type, 0), ("true || input.whole", .type, 8), ("input.whole ? 1 : 2", .type, 0),
            ("(1 + 1).x", .type, 8), ("'a'[0]", .type, 3), ("size(1)", .type, 0), ("string(input.list)", .type, 0),
            ("int(true)", .type, 0), ("input.whole.contains('a')", .type, 12), ("'a'.startsWith(1)", .type, 4),
            ("fingerprint(input.text)", .type, 0), ("last4('x')", .type, 0),
            ("data.key == 'x'", .comparedSecret, 9), ("'x' != secrets.admin", .comparedSecret, 4),
            ("data.key in ['x']", .comparedSecret, 9), ("data.key.contains('x')", .comparedSecret, 9),
            ("'x'.endsWith(data.key)", .comparedSecret, 4), ("data.key && true", .comparedSecret, 0),
            ("data.key ? 1 : 2", .comparedSecret, 0),
            ("gone[data.key]", .comparedSecret, 4), ("('a' + data.key) == 'x'", .comparedSecret, 17),
            ("has(gone[data.key].x)", .comparedSecret, 8), ("[data.key]", .misusedSecret, 1),
            ("size(data.key)", .misusedSecret, 0), ("int(data.key)", .misusedSecret, 0),
            // Inside has(…) only the path itself is not read.
            ("has((data.key == 'x' ? input : input).x)", .comparedSecret, 14),
            ("has(gone.a.contains(data.key).x)", .comparedSecret, 11), ("has([data.key][0].x)", .misusedSecret, 5),
            ("fingerprint(data.key + 'a')", .misusedSecret, 0),
            ("fingerprint(data.key.lowerAscii())", .misusedSecret, 0),
            ("fingerprint(string('a' + data.key))", .misusedSecret, 0),
            ("fingerprint(data['key'] + data.key)", .misusedSecret, 0), ("fingerprint(response.status)", .type, 0),
        ] as [(String, StaticProblem.Code, Int)])
    func `what can never work is told at its place, by a table`(
        _ source: String, _ code: StaticProblem.Code, _ offset: Int
    ) throws {
        let problems = try Expression.parse(source).analyse(environment).problems
        #expect(problems.contains { $0.code == code && $0.offset == offset })
    }

    @Test
    func `a problem is certain: what is reported fails when run, and what runs is not reported, by comparing both`()
        throws
    {
        var scope = ExpressionScope()
        let key = SecretValue(reference: nil, revealed: Secret("0123456789abcdef"))
        scope["input"] = .json(["text": "t", "whole": 1, "number": 1.5.json, "flag": true, "list": [1]])
        scope["data"] = .record([("key", .secret(key))])
        let operands = [
            "input.text", "input.whole", "input.number", "input.flag", "input.list", "data.key", "null", "'a'", "1",
            "1.5",
        ]
        let operators = ["+", "-", "==", "<", "in", "&&", "||"]
        var failing = 0
        for left in operands {
            for sign in operators {
                for right in operands {
                    let expression = try Expression.parse("\(left) \(sign) \(right)")
                    let analysis = expression.analyse(environment)
                    guard let value = try? expression.evaluate(scope) else {
                        failing += 1
                        continue
                    }
                    if case .secret = value { #expect(analysis.type.isSecret) }
                    // An operand of the wrong type may be absorbed, and unequal types compare as unequal.
                    let isForgiving = ["&&", "||", "=="].contains(sign)
                    #expect(analysis.problems.isEmpty || isForgiving, "\(expression.source)")
                }
            }
        }
        #expect(failing > 100)
    }

    @Test func `templates pass problems and secrets on with places of their own, by analysing mixed text`() throws {
        let template = try Template.parse("é${input.text}${data.key == 'x'}${input.list}")
        let analysis = template.analyse(environment)
        #expect(analysis.type == StaticType(.string))
        #expect(analysis.problems.map(\.code) == [.comparedSecret, .type])
        #expect(analysis.problems.map(\.offset) == [25, 34])
        #expect(try Template.parse("a${data.key}").analyse(environment).type == StaticType(.string, isSecret: true))
        #expect(try Template.parse("${input.whole}").analyse(environment).type == StaticType(.int))
        let body = try JSONTemplate(parsing: ["a": ["${data.key}"], "b": 1])
        #expect(body.analyse(environment).type == StaticType(.object, isSecret: true))
    }
}
