/// Recursive descent over the grammar of the language reference, loosest operator first.
struct ExpressionParser {
    private var lexer: ExpressionLexer
    private var depth = 0

    /// Names that CEL keeps for itself.
    private static let reserved: Set<String> = [
        "as", "break", "const", "continue", "else", "false", "for", "function", "if", "import", "in", "let", "loop",
        "namespace", "null", "package", "return", "true", "var", "void", "while",
    ]
    private static let keywords: Set<String> = ["false", "in", "null", "true"]

    private init(lexer: ExpressionLexer) { self.lexer = lexer }

    /// Reads one expression from `start`. With `inTemplate` it ends before an unmatched `}`, else with the text.
    static func parse(
        source: String, scalars: [Unicode.Scalar], from start: Int, inTemplate: Bool
    ) throws(ExpressionSyntaxError) -> (node: ExpressionNode, end: Int) {
        var parser = ExpressionParser(lexer: try ExpressionLexer(source: source, scalars: scalars, from: start))
        let node = try parser.parseExpression()
        let token = parser.lexer.token
        if inTemplate {
            guard token != .end else { throw parser.error("the } that closes ${ is missing", at: max(0, start - 2)) }
            guard token == .symbol("}") else { throw parser.unexpected() }
            return (node, parser.lexer.start)
        }
        guard token == .end else { throw parser.unexpected() }
        return (node, scalars.count)
    }

    private func error(
        _ message: String, at offset: Int? = nil, code: ExpressionSyntaxError.Code = .syntax
    ) -> ExpressionSyntaxError {
        lexer.error(message, at: offset ?? lexer.start, code: code)
    }

    private func unexpected() -> ExpressionSyntaxError {
        switch lexer.token {
        case .end: error("the expression ends too early")
        case .symbol("{"):
            error("maps in braces are not part of the language", code: .unsupported)
        case .symbol(let symbol): error("\(symbol) must not stand here")
        case .name(let name): error("the name \(name) must not stand here; an operator is missing")
        case .integer, .double: error("a number must not stand here; an operator is missing")
        case .string: error("a text must not stand here; an operator is missing")
        }
    }

    private mutating func take(_ symbol: String) throws(ExpressionSyntaxError) -> Bool {
        guard lexer.token == .symbol(symbol) else { return false }
        try lexer.advance()
        return true
    }

    private mutating func expect(_ symbol: String) throws(ExpressionSyntaxError) {
        guard try take(symbol) else {
            throw lexer.token == .end ? error("\(symbol) is missing") : unexpected()
        }
    }

    private mutating func parseExpression() throws(ExpressionSyntaxError) -> ExpressionNode {
        depth += 1
        defer { depth -= 1 }
        // The whole expression is not inside anything.
        guard depth <= ExpressionLimits.depth + 1 else {
            throw error("the expression is nested more than \(ExpressionLimits.depth) deep", code: .limit)
        }
        let condition = try parseOr()
        let offset = lexer.start
        guard try take("?") else { return condition }
        let first = try parseExpression()
        try expect(":")
        let second = try parseExpression()
        return ExpressionNode(kind: .conditional(condition, first, second), offset: offset)
    }

    private mutating func parseOr() throws(ExpressionSyntaxError) -> ExpressionNode {
        let first = try parseAnd()
        let offset = lexer.start
        var nodes = [first]
        while try take("||") { nodes.append(try parseAnd()) }
        return nodes.count == 1 ? first : ExpressionNode(kind: .or(nodes), offset: offset)
    }

    private mutating func parseAnd() throws(ExpressionSyntaxError) -> ExpressionNode {
        let first = try parseRelation()
        let offset = lexer.start
        var nodes = [first]
        while try take("&&") { nodes.append(try parseRelation()) }
        return nodes.count == 1 ? first : ExpressionNode(kind: .and(nodes), offset: offset)
    }

    private var comparison: ExpressionNode.Comparison? {
        switch lexer.token {
        case .symbol(let symbol): ExpressionNode.Comparison(rawValue: symbol)
        case .name("in"): .isIn
        default: nil
        }
    }

    private mutating func parseRelation() throws(ExpressionSyntaxError) -> ExpressionNode {
        let left = try parseSum()
        guard let comparison else { return left }
        let offset = lexer.start
        try lexer.advance()
        let right = try parseSum()
        guard self.comparison == nil else {
            throw error("only two values are compared at a time; join comparisons with &&, or set parentheses")
        }
        return ExpressionNode(kind: .comparison(comparison, left, right), offset: offset)
    }

    private mutating func parseSum() throws(ExpressionSyntaxError) -> ExpressionNode {
        let first = try parseUnary()
        let offset = lexer.start
        var terms: [(isMinus: Bool, offset: Int, node: ExpressionNode)] = []
        while lexer.token == .symbol("+") || lexer.token == .symbol("-") {
            let isMinus = lexer.token == .symbol("-")
            let start = lexer.start
            try lexer.advance()
            terms.append((isMinus, start, try parseUnary()))
        }
        return terms.isEmpty ? first : ExpressionNode(kind: .sum(first, terms), offset: offset)
    }

    private mutating func parseUnary() throws(ExpressionSyntaxError) -> ExpressionNode {
        let offset = lexer.start
        var operators: [ExpressionNode.Unary] = []
        while lexer.token == .symbol("!") || lexer.token == .symbol("-") {
            operators.append(lexer.token == .symbol("!") ? .not : .minus)
            try lexer.advance()
        }
        // The smallest integer has no positive twin, so its sign belongs to the literal.
        var isNegative = false
        if case .integer = lexer.token, operators.last == .minus {
            isNegative = true
            operators.removeLast()
        }
        let node = try parsePath(isNegative: isNegative)
        return operators.isEmpty ? node : ExpressionNode(kind: .unary(operators, node), offset: offset)
    }

    private mutating func parsePath(isNegative: Bool) throws(ExpressionSyntaxError) -> ExpressionNode {
        let base = try parsePrimary(isNegative: isNegative)
        var steps: [ExpressionNode.Step] = []
        while true {
            let offset = lexer.start
            if try take(".") {
                guard case .name(let name) = lexer.token, !Self.keywords.contains(name) else {
                    throw error("a name must follow the dot; for other names write x['name']")
                }
                let nameOffset = lexer.start
                try lexer.advance()
                if try take("(") {
                    steps.append(try parseMethod(name, offset: nameOffset))
                } else {
                    steps.append(.member(name, offset: nameOffset))
                }
            } else if try take("[") {
                let index = try parseExpression()
                try expect("]")
                steps.append(.index(index, offset: offset))
            } else {
                return steps.isEmpty ? base : ExpressionNode(kind: .path(base, steps), offset: base.offset)
            }
        }
    }

    private mutating func parseMethod(
        _ name: String, offset: Int
    ) throws(ExpressionSyntaxError) -> ExpressionNode.Step {
        guard let method = ExpressionNode.Method(rawValue: name) else {
            let names = ExpressionNode.Method.allCases.map(\.rawValue).joined(separator: ", ")
            throw error("there is no method \(name); there are \(names)", at: offset, code: .unknownFunction)
        }
        let arguments = try parseArguments(until: ")")
        guard arguments.count == (method.takesArgument ? 1 : 0) else {
            throw error(
                "\(name) takes \(method.takesArgument ? "one value" : "nothing") in its parentheses", at: offset)
        }
        return .method(method, arguments.first, offset: offset)
    }

    private mutating func parseArguments(until end: String) throws(ExpressionSyntaxError) -> [ExpressionNode] {
        var arguments: [ExpressionNode] = []
        if try take(end) { return arguments }
        repeat {
            // CEL allows a comma behind the last element of a list.
            if end == "]", !arguments.isEmpty, lexer.token == .symbol(end) { break }
            arguments.append(try parseExpression())
        } while try take(",")
        try expect(end)
        return arguments
    }

    private mutating func parsePrimary(isNegative: Bool) throws(ExpressionSyntaxError) -> ExpressionNode {
        let offset = lexer.start
        switch lexer.token {
        case .integer(let magnitude):
            guard isNegative || magnitude <= UInt64(Int64.max) else {
                throw error("the whole number does not fit 64 bits")
            }
            try lexer.advance()
            let value = isNegative ? Int64(truncatingIfNeeded: 0 &- magnitude) : Int64(magnitude)
            return ExpressionNode(kind: .literal(.integer(value)), offset: offset)
        case .double(let number):
            try lexer.advance()
            return ExpressionNode(kind: .literal(.double(number)), offset: offset)
        case .string(let text):
            try lexer.advance()
            return ExpressionNode(kind: .literal(.string(text)), offset: offset)
        case .symbol("("):
            try lexer.advance()
            let node = try parseExpression()
            try expect(")")
            return node
        case .symbol("["):
            try lexer.advance()
            return ExpressionNode(kind: .list(try parseArguments(until: "]")), offset: offset)
        case .name(let name):
            try lexer.advance()
            if try take("(") { return try parseCall(name, offset: offset) }
            return ExpressionNode(kind: try nameOrWord(name, offset: offset), offset: offset)
        case .symbol, .end:
            throw unexpected()
        }
    }

    private func nameOrWord(_ name: String, offset: Int) throws(ExpressionSyntaxError) -> ExpressionNode.Kind {
        switch name {
        case "true": return .literal(.bool(true))
        case "false": return .literal(.bool(false))
        case "null": return .literal(.null)
        default:
            guard !Self.reserved.contains(name) else {
                throw error("\(name) is a word of the language and names no value", at: offset)
            }
            return .name(name)
        }
    }

    private mutating func parseCall(_ name: String, offset: Int) throws(ExpressionSyntaxError) -> ExpressionNode {
        guard let function = ExpressionNode.Function(rawValue: name) else {
            let names = ExpressionNode.Function.allCases.map(\.rawValue).joined(separator: ", ")
            throw error("there is no function \(name); there are \(names)", at: offset, code: .unknownFunction)
        }
        let arguments = try parseArguments(until: ")")
        guard arguments.count == 1, let argument = arguments.first else {
            throw error("\(name) takes one value in its parentheses", at: offset)
        }
        if function == .has {
            guard case .path(_, let steps) = argument.kind, case .member = steps.last else {
                throw error("has takes a path that ends in a name, such as has(response.body.id)", at: argument.offset)
            }
        }
        return ExpressionNode(kind: .call(function, argument), offset: offset)
    }
}
