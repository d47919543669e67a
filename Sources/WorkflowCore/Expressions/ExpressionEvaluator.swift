/// A value during the evaluation. The value of a JSON number makes it int or double; an operator decides for its
/// result.
enum Operand {
    case json(JSONValue)
    /// A double of the language, also when it is whole.
    case double(JSONNumber)
    case record([(String, ScopeValue)])
    case secret(SecretValue)

    init(_ value: ScopeValue) {
        switch value {
        case .json(let value): self = .json(value)
        case .record(let members): self = .record(members)
        case .secret(let secret): self = .secret(secret)
        }
    }

    var typeName: String {
        switch self {
        case .json(.number(let number)): number.integer == nil ? "a double" : "an int"
        case .json(.null): "null"
        case .json(.bool): "a bool"
        case .json(.string): "a string"
        case .json(.array): "a list"
        case .json(.object), .record: "an object"
        case .double: "a double"
        case .secret: "a secret"
        }
    }

    var number: JSONNumber? {
        switch self {
        case .json(.number(let number)), .double(let number): number
        default: nil
        }
    }
}

/// One evaluation: walks the nodes, and counts what it does.
struct ExpressionEvaluator {
    let scope: ExpressionScope
    let source: String
    private var stepsLeft = ExpressionLimits.steps

    init(scope: ExpressionScope, source: String) {
        self.scope = scope
        self.source = source
    }

    func error(_ code: ExpressionError.Code, _ message: String, at offset: Int) -> ExpressionError {
        ExpressionError(code: code, message: message, source: source, offset: offset)
    }

    mutating func charge(_ steps: Int, at offset: Int) throws(ExpressionError) {
        stepsLeft -= steps
        guard stepsLeft >= 0 else {
            throw error(.limit, "the expression works on too much data", at: offset)
        }
    }

    /// Charges for looking at every part of a value once.
    mutating func chargeWeight(of value: JSONValue, at offset: Int) throws(ExpressionError) {
        switch value {
        case .null, .bool: try charge(1, at: offset)
        case .number(let number): try charge(1 + number.text.utf8.count, at: offset)
        case .string(let text): try charge(1 + text.utf8.count, at: offset)
        case .array(let items):
            try charge(1, at: offset)
            for item in items { try chargeWeight(of: item, at: offset) }
        case .object(let object):
            try charge(1, at: offset)
            for member in object.members {
                try charge(member.name.utf8.count, at: offset)
                try chargeWeight(of: member.value, at: offset)
            }
        }
    }

    mutating func result(of node: ExpressionNode) throws(ExpressionError) -> ExpressionValue {
        let operand = try evaluate(node)
        if case .secret(let secret) = operand { return .secret(secret) }
        return .plain(try json(operand, at: node.offset))
    }

    /// A plain value as JSON.
    func json(_ operand: Operand, at offset: Int) throws(ExpressionError) -> JSONValue {
        switch operand {
        case .json(let value): return value
        case .double(let number): return .number(number)
        case .record(let members):
            if let plain = ScopeValue.record(members).plain { return plain }
            throw error(.secret, "the whole object holds secrets; name the member that is meant", at: offset)
        case .secret: throw error(.secret, "a secret must not stand here", at: offset)
        }
    }

    mutating func evaluate(_ node: ExpressionNode) throws(ExpressionError) -> Operand {
        try charge(1, at: node.offset)
        switch node.kind {
        case .literal(let literal): return Self.operand(literal)
        case .name(let name):
            guard let value = scope[name] else { throw error(.missing, "\(name) is not there", at: node.offset) }
            return Operand(value)
        case .path(let base, let steps): return try evaluate(steps, from: base)
        case .list(let nodes):
            var items: [JSONValue] = []
            for node in nodes {
                let item = try evaluate(node)
                if case .secret = item { throw error(.secret, "a list cannot hold a secret", at: node.offset) }
                items.append(try json(item, at: node.offset))
            }
            return .json(.array(items))
        case .call(let function, let argument): return try call(function, argument, at: node.offset)
        case .unary(let operators, let operand): return try apply(operators, operand, at: node.offset)
        case .sum(let first, let terms):
            var total = try evaluate(first)
            for term in terms {
                let value = try evaluate(term.node)
                total =
                    try term.isMinus
                    ? subtract(value, from: total, at: term.offset) : add(total, value, at: term.offset)
            }
            return total
        case .comparison(let comparison, let left, let right):
            let first = try evaluate(left)
            let second = try evaluate(right)
            return .json(.bool(try compare(comparison, first, second, at: node.offset)))
        case .and(let nodes): return .json(.bool(try fold(nodes, decidedBy: false)))
        case .or(let nodes): return .json(.bool(try fold(nodes, decidedBy: true)))
        case .conditional(let condition, let first, let second):
            return try evaluate(try bool(evaluate(condition), at: condition.offset) ? first : second)
        }
    }

    private static func operand(_ literal: ExpressionNode.Literal) -> Operand {
        switch literal {
        case .null: .json(.null)
        case .bool(let flag): .json(.bool(flag))
        case .integer(let value): .json(.integer(value))
        case .double(let number): .double(number)
        case .string(let text): .json(.string(text))
        }
    }

    func bool(_ operand: Operand, at offset: Int) throws(ExpressionError) -> Bool {
        if case .json(.bool(let flag)) = operand { return flag }
        if case .secret = operand { throw error(.secret, "a secret cannot decide anything", at: offset) }
        throw error(.expression, "true or false is needed here, and this is \(operand.typeName)", at: offset)
    }

    /// `&&` is decided by a false operand and `||` by a true one, wherever it stands; only when none
    /// decides does the first error count.
    private mutating func fold(_ nodes: [ExpressionNode], decidedBy deciding: Bool) throws(ExpressionError) -> Bool {
        var firstError: ExpressionError?
        for node in nodes {
            do throws(ExpressionError) {
                if try bool(evaluate(node), at: node.offset) == deciding { return deciding }
            } catch {
                guard error.code != .limit else { throw error }
                firstError = firstError ?? error
            }
        }
        if let firstError { throw firstError }
        return !deciding
    }

    private mutating func evaluate(
        _ steps: [ExpressionNode.Step], from base: ExpressionNode
    ) throws(ExpressionError) -> Operand {
        var value = try evaluate(base)
        for step in steps {
            switch step {
            case .member(let name, let offset): value = try member(name, of: value, at: offset)
            case .index(let node, let offset): value = try element(try evaluate(node), of: value, at: offset)
            case .method(let method, let argument, let offset):
                var operand: Operand?
                if let argument { operand = try evaluate(argument) }
                value = try call(method, on: value, operand, at: offset)
            }
        }
        return value
    }

    private mutating func member(_ name: String, of value: Operand, at offset: Int) throws(ExpressionError) -> Operand {
        switch value {
        case .json(.object(let object)):
            try charge(object.count, at: offset)
            if let member = object[name] { return .json(member) }
            throw error(.missing, "\(name) is not there", at: offset)
        case .record(let members):
            if let member = members.first(where: { $0.0.hasSameScalars(as: name) }) { return Operand(member.1) }
            throw error(.missing, "\(name) is not there, or has no value yet", at: offset)
        case .secret: throw error(.secret, "a secret has no members", at: offset)
        default: throw error(.missing, "\(name) is not there: what should hold it is \(value.typeName)", at: offset)
        }
    }

    private mutating func element(_ index: Operand, of value: Operand, at offset: Int) throws(ExpressionError)
        -> Operand
    {
        switch (value, index) {
        case (.secret, _), (_, .secret): throw error(.secret, "a secret is no index and has no elements", at: offset)
        case (.json(.object), .json(.string(let name))), (.record, .json(.string(let name))):
            return try member(name, of: value, at: offset)
        case (.json(.array(let items)), .json(.number(let number))), (.json(.array(let items)), .double(let number)):
            guard let position = number.integer, position >= 0, position < items.count else {
                throw error(
                    .missing, "the list has \(items.count) elements, counted from 0; this one is not there", at: offset)
            }
            return .json(items[Int(position)])
        default:
            throw error(.missing, "\(value.typeName) has no element by \(index.typeName)", at: offset)
        }
    }
}
