import Testing
import WorkflowCore

/// What the expressions of these suites see.
func sampleScope() throws -> ExpressionScope {
    var scope = ExpressionScope()
    scope["input"] = .record([("number", .json("+34600111222")), ("count", .json(3)), ("plan", .json(.null))])
    scope["run"] = .json(["id": "r-1", "organisation": "Org"])
    scope["response"] = .json(
        try JSONValue.parse(
            #"""
            {"status": 403, "headers": {"x-id": "h1"}, "body": {"error": "Invalid API key", "none": null, "ok": false,
             "items": [{"id": 7}, {"id": 8}], "one": 1.0, "hundred": 1e2, "price": 2.5, "big": 12345678901234567890,
             "min": -9223372036854775808, "tiny": 0.10, "é": 1, "package": "p"}}
            """#))
    let stored = SealedReference(name: "api_key", version: 2, fingerprint: "a1b2c3d4", length: 20)
    scope["data"] = .record([
        ("client", .json("c-9")), ("sealed", .secret(SecretValue(stored))),
        ("open", .secret(SecretValue(reference: stored, revealed: Secret("Key-0123456789abWXYZ")))),
        ("short", .secret(SecretValue(reference: stored, revealed: Secret("abcdefgh")))),
    ])
    return scope
}

@Suite("Expressions follow the subset of CEL")
struct ExpressionTests {
    @Test(
        arguments: [
            // Literals
            ("null", .null), ("true", true), ("0x1F", 31), ("-0x10", -16),
            ("1.50", .number(JSONNumber(double: 1.5) ?? JSONNumber(0))), (".5", 0.5.json), ("1e2", 100),
            ("-9223372036854775808", .integer(Int64.min)), ("9223372036854775807", .integer(Int64.max)), ("--1", 1),
            (#"'a"b'"#, "a\"b"), (#""a'b""#, "a'b"), (#"'\n\t\\\'\x41\u00e9\U0001F600\101\?\`'"#, "\n\t\\'Aé😀A?`"),
            (#"r'\n'"#, "\\n"),
            ("R\"\\\"", "\\"), ("'''a'b\n''c'''", "a'b\n''c"), (#"r"""\"""# + "\"", "\\"), ("''", ""), ("[]", []),
            ("[1, 'a', [null],]", [1, "a", [.null]]),
            // Paths
            ("input.number", "+34600111222"), ("response.body.items[1].id", 8), ("response.headers['x-id']", "h1"),
            ("response['body']['items'][0]['id']", 7),
            ("[10, 20][1]", 20), ("response.body['é']", 1), ("response.body.package", "p"),
            ("response.body.items[response.body.one].id", 8),
            // Arithmetic
            ("1 + 2 - 4", -1), ("1-1", 0), ("2.0 + 0.5", 2.5.json), ("response.body.price - 0.5", 2.0.json),
            ("'a' + 'b' + string(1)", "ab1"), ("[1] + [2, 3]", [1, 2, 3]),
            ("response.body.one + 1", 2), ("response.body.hundred + 1", 101), ("-input.count", -3), ("1 - -1", 2),
            ("-(1.5)", (-1.5).json), ("1 + 2 == 3 && 2 - 1 - 1 == 0", true),
            // Comparison
            ("1 == 1.0", true), ("1 < 1.5", true), ("2 >= 2.0", true), ("'a' < 'b'", true), ("'Z' < 'a'", true),
            ("'a' <= 'a'", true), ("false < true", true), ("true > true", false),
            ("'1' == 1", false), ("null == null", true), ("null != 0", true), ("[1, 2] == [1.0, 2]", true),
            ("response.body.big == 12345678901234567890.0", false),
            ("response.body.big > 9223372036854775807", true), ("9007199254740993 == 9007199254740992.0", false),
            ("'e\\u0301' == 'é'", false), ("'\\uFFFF' < '😀'", true),
            ("response.body == response['body']", true), ("response.body.items != [1]", true),
            ("response.body.tiny == 0.1", true),
            // Membership
            ("403 in [401, 403]", true), ("403.0 in [403]", true), ("'x' in ['y']", false),
            ("'error' in response.body", true), ("'x-id' in response.headers", true),
            ("'client' in data", true), ("'gone' in data", false), ("1 in response.body", false),
            // Logic
            ("!true", false), ("!!true", true), ("true || false && false", true), ("(true || false) && false", false),
            ("!false && true", true),
            ("true ? 1 : 2", 1), ("false ? 1 : true ? 2 : 3", 2), ("true ? false ? 1 : 2 : 3", 2),
            ("1 == 1 ? 'y' : 'n'", "y"), ("false || true ? 1 : 2", 1),
            // Errors are absorbed by a deciding operand, and an untaken branch is not evaluated
            ("false && gone", false), ("gone && false", false), ("true || gone", true), ("gone || true", true),
            ("1 && false", false), ("true ? 1 : gone", 1), ("gone.x == 1 || true", true),
            // Functions
            ("has(response.body.error)", true), ("has(response.body.none)", true), ("has(response.body.gone)", false),
            ("has(response.body.gone.deeper)", false),
            ("has(response.body.error.deeper)", false), ("has(data.sealed)", true), ("has(data.unset)", false),
            ("has(input.plan)", true), ("has(gone.x)", false), ("has(response.body.items[5].id)", false),
            ("size('añ😀e\\u0301')", 5), ("size([1, 2])", 2), ("size(response.headers)", 1), ("size(data)", 4),
            ("'abc'.size()", 3),
            ("string(1)", "1"), ("string(1.5)", "1.5"), ("string(true)", "true"), ("string('x')", "x"),
            ("string(response.body.one)", "1"), ("string(response.body.big)", "12345678901234567890"),
            ("int('-12')", -12), ("int(1.9)", 1), ("int(-1.9)", -1), ("int(7)", 7), ("int(response.body.hundred)", 100),
            ("int('9223372036854775807')", .integer(Int64.max)),
            ("'abc'.contains('bc')", true), ("'aabaabaaf'.contains('aabaaf')", true),
            ("'aabaabaa'.contains('aabaaf')", false), ("'abc'.contains('')", true), ("'abc'.startsWith('ab')", true),
            ("'abc'.startsWith('b')", false),
            ("'abc'.endsWith('bc')", true), ("'abc'.endsWith('xabc')", false), ("'e\\u0301'.startsWith('e')", true),
            ("'ÀBC'.lowerAscii()", "Àbc"), ("response.body.error.lowerAscii().contains('api key')", true),
            ("fingerprint(data.sealed)", "a1b2c3d4"), ("fingerprint(data.open) == 'a1b2c3d4'", true),
            ("last4(data.open)", "WXYZ"), ("last4(data.short)", "gh"),
            ("response.status == 403 && response.body.error == 'Invalid API key'", true),
        ] as [(String, JSONValue)])
    func `values come out as CEL says, by a table over all operators and functions`(
        _ source: String, _ value: JSONValue
    ) throws {
        #expect(try Expression.parse(source).evaluate(sampleScope()) == .plain(value))
    }

    @Test(
        arguments: [
            ("gone", .missing, 0), ("response.body.gone", .missing, 14), ("data.unset", .missing, 5),
            ("response.body.error.deeper", .missing, 20), ("response.body.none.x", .missing, 19),
            ("[1][1]", .missing, 3), ("[1][-1]", .missing, 3), ("[1]['a']", .missing, 3), ("'abc'[0]", .missing, 5),
            ("response.body['gone']", .missing, 13), ("response.body[0]", .missing, 13),
            ("1 + 1.0", .expression, 2), ("1 + 'a'", .expression, 2), ("'a' + null", .expression, 4),
            ("true - false", .expression, 5), ("[1] - [1]", .expression, 4),
            ("1 + response.body.price", .expression, 2),
            ("9223372036854775807 + 1", .expression, 20), ("-9223372036854775808 - 1", .expression, 21),
            ("-response.body.min", .expression, 0), ("1.7e308 + 1.7e308", .expression, 8),
            ("response.body.big + 1", .expression, 18),
            ("-'a'", .expression, 0), ("!1", .expression, 1), ("1 ? 2 : 3", .expression, 0),
            ("1 && true", .expression, 0), ("true && null", .expression, 8), ("false || gone", .missing, 9),
            ("gone && 1", .missing, 0),
            ("1 < 'a'", .expression, 2), ("null < 1", .expression, 5), ("[1] < [2]", .expression, 4),
            ("'a' in 'abc'", .expression, 4), ("1 in 2", .expression, 2),
            ("size(1)", .expression, 0), ("string(null)", .expression, 0), ("string([1])", .expression, 0),
            ("int('x')", .expression, 0), ("int('+1')", .expression, 0), ("int('')", .expression, 0),
            ("int(1e19)", .expression, 0), ("int(true)", .expression, 0),
            ("1.5.contains('a')", .expression, 4), ("'a'.contains(1)", .expression, 4),
            ("fingerprint('x')", .expression, 0), ("last4(run.id)", .expression, 0),
            ("null.lowerAscii()", .expression, 5),
            ("data.open == 'x'", .secret, 10), ("'x' != data.open", .secret, 4), ("data.open < 'x'", .secret, 10),
            ("data.open in ['x']", .secret, 10), ("'x' in data.open", .secret, 4), ("data == data", .secret, 5),
            ("data.open.contains('x')", .secret, 10), ("'x'.startsWith(data.open)", .secret, 4),
            ("size(data.open)", .secret, 0), ("int(data.open)", .secret, 0), ("[data.open]", .secret, 1),
            ("-data.open", .secret, 0),
            ("!data.open", .secret, 1), ("data.open ? 1 : 2", .secret, 0), ("data.open || false", .secret, 0),
            ("data.open.x", .secret, 10), ("data.open[0]", .secret, 9), ("response[data.open]", .secret, 8),
            ("data", .secret, 0), ("data.open + 1", .secret, 10),
            ("last4(data.sealed)", .secret, 0), ("data.sealed + 'x'", .secret, 12),
            ("fingerprint(data.open + 'x')", .secret, 0), ("has(data.open.x)", .secret, 14),
        ] as [(String, ExpressionError.Code, Int)])
    func `what has no value says why and where, by a table of failing expressions`(
        _ source: String, _ code: ExpressionError.Code, _ offset: Int
    ) throws {
        let expression = try Expression.parse(source)
        let scope = try sampleScope()
        let error = #expect(throws: ExpressionError.self) { try expression.evaluate(scope) }
        #expect(error?.code == code)
        #expect(error?.offset == offset)
        #expect(error?.description.contains("0123456789ab") == false)
    }

    @Test func `long whole numbers pass through with their text, by reading one`() throws {
        let value = try Expression.parse("response.body.big").evaluate(sampleScope())
        guard case .plain(.number(let number)) = value else { throw TestFailure("\(value) is no number") }
        #expect(number.text == "12345678901234567890")
    }

    @Test func `secrets stay secret through every operator that takes one, by joining and choosing`() throws {
        for (source, text) in [
            ("'Bearer ' + data.open", "Bearer Key-0123456789abWXYZ"), ("data.short + data.short", "abcdefghabcdefgh"),
            ("data.short + ''", "abcdefgh"),
            ("true ? data.short : ''", "abcdefgh"), ("data.open.lowerAscii()", "key-0123456789abwxyz"),
            ("string(data.short)", "abcdefgh"), ("data['short']", "abcdefgh"),
        ] {
            let value = try Expression.parse(source).evaluate(sampleScope())
            guard case .secret(let secret) = value else { throw TestFailure("\(source) is no secret") }
            #expect(secret.revealed?.revealText() == text)
            #expect(!"\(value)".contains(text))
        }
        let sealed = try Expression.parse("true ? data.sealed : ''").evaluate(sampleScope())
        #expect(
            sealed
                == .secret(
                    SecretValue(SealedReference(name: "api_key", version: 2, fingerprint: "a1b2c3d4", length: 20))))
    }

    @Test func `a condition is true or false or an error, by asking for its truth`() throws {
        #expect(try Expression.parse("response.status == 403").holds(sampleScope()))
        for source in ["1", "'true'", "null", "data.open"] {
            let error = #expect(throws: ExpressionError.self) { try Expression.parse(source).holds(sampleScope()) }
            #expect(error?.code == .expression)
        }
    }
}

struct TestFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

extension Double {
    /// The double as JSON; null when it has no JSON form.
    var json: JSONValue { JSONNumber(double: self).map(JSONValue.number) ?? .null }
}
