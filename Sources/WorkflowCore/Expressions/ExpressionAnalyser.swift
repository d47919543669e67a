/// Types an expression without running it. A type in doubt is `dynamic`, so that every reported problem is certain.
struct ExpressionAnalyser {
    let environment: (ExpressionReference) -> StaticType?
    private(set) var problems: [StaticProblem] = []

    init(environment: @escaping (ExpressionReference) -> StaticType?) { self.environment = environment }

    private mutating func report(_ code: StaticProblem.Code, _ message: String, at offset: Int) {
        problems.append(StaticProblem(code: code, message: message, offset: offset))
    }

    static func kind(of value: JSONValue) -> StaticType.Kind {
        switch value {
        case .null: .null
        case .bool: .bool
        case .number(let number): number.integer == nil ? .number : .int
        case .string: .string
        case .array: .array
        case .object: .object
        }
    }

    mutating func type(of node: ExpressionNode) -> StaticType {
        switch node.kind {
        case .literal(let literal): return Self.type(of: literal)
        case .name(let name):
            return environment(ExpressionReference(root: name, path: [], offset: node.offset)) ?? StaticType(.dynamic)
        case .path(let base, let steps): return type(of: steps, from: base)
        case .list(let nodes):
            for node in nodes where type(of: node).isSecret {
                report(.misusedSecret, "a list cannot hold a secret", at: node.offset)
            }
            return StaticType(.array)
        case .call(let function, let argument): return call(function, argument, at: node.offset)
        case .unary(let operators, let operand): return apply(operators, operand, at: node.offset)
        case .sum(let first, let terms):
            var total = type(of: first)
            for term in terms { total = sum(total, type(of: term.node), isMinus: term.isMinus, at: term.offset) }
            return total
        case .comparison(let comparison, let left, let right):
            compare(comparison, type(of: left), type(of: right), at: node.offset)
            return StaticType(.bool)
        case .and(let nodes), .or(let nodes):
            for node in nodes { needBool(node) }
            return StaticType(.bool)
        case .conditional(let condition, let first, let second):
            needBool(condition)
            let (a, b) = (type(of: first), type(of: second))
            return StaticType(a.kind == b.kind ? a.kind : .dynamic, isSecret: a.isSecret || b.isSecret)
        }
    }

    private static func type(of literal: ExpressionNode.Literal) -> StaticType {
        switch literal {
        case .null: StaticType(.null)
        case .bool: StaticType(.bool)
        case .integer: StaticType(.int)
        case .double: StaticType(.number)
        case .string: StaticType(.string)
        }
    }

    private mutating func needBool(_ node: ExpressionNode) {
        let type = type(of: node)
        if type.isSecret {
            report(.comparedSecret, "a secret cannot decide anything; ask has(x)", at: node.offset)
        } else if type.kind != .bool, type.kind != .dynamic {
            report(.type, "true or false is needed here, and this is \(type.kind.rawValue)", at: node.offset)
        }
    }

    private mutating func type(of steps: [ExpressionNode.Step], from base: ExpressionNode) -> StaticType {
        var value: StaticType
        var rest = steps[...]
        if case .name(let root) = base.kind {
            let path = ExpressionNode.staticNames(of: steps)
            rest = steps.dropFirst(path.count)
            value =
                environment(ExpressionReference(root: root, path: path, offset: base.offset)) ?? StaticType(.dynamic)
        } else {
            value = type(of: base)
        }
        for step in rest {
            switch step {
            case .member(_, let offset): value = part(of: value, canHavePart: [.object], at: offset)
            case .index(let node, let offset):
                if type(of: node).isSecret { report(.comparedSecret, "a secret cannot be an index", at: offset) }
                value = part(of: value, canHavePart: [.object, .array], at: offset)
            case .method(let method, let argument, let offset):
                value = call(method, on: value, argument.map { type(of: $0) }, at: offset)
            }
        }
        return value
    }

    private mutating func part(of value: StaticType, canHavePart kinds: [StaticType.Kind], at offset: Int) -> StaticType
    {
        if value.kind != .dynamic, !kinds.contains(value.kind) {
            report(.type, "\(value.kind.rawValue) has no members", at: offset)
        }
        return StaticType(.dynamic, isSecret: value.isSecret)
    }

    private mutating func apply(
        _ operators: [ExpressionNode.Unary], _ node: ExpressionNode, at offset: Int
    ) -> StaticType {
        if operators.last == .not { needBool(node) }
        var value = operators.last == .not ? StaticType(.bool) : type(of: node)
        for sign in operators.reversed() {
            if value.isSecret { report(.misusedSecret, "a secret is no number", at: offset) }
            let allowed: [StaticType.Kind] = sign == .not ? [.bool, .dynamic] : [.int, .number, .dynamic]
            if !allowed.contains(value.kind) {
                report(.type, "\(sign == .not ? "!" : "-") cannot take \(value.kind.rawValue)", at: offset)
            }
            value = StaticType(sign == .not ? .bool : value.kind, isSecret: value.isSecret)
        }
        return value
    }

    private mutating func sum(_ left: StaticType, _ right: StaticType, isMinus: Bool, at offset: Int) -> StaticType {
        let isSecret = left.isSecret || right.isSecret
        if isMinus, isSecret { report(.misusedSecret, "a secret is no number", at: offset) }
        let allowed: [StaticType.Kind] = isMinus ? [.int, .number] : [.int, .number, .string, .array]
        for type in [left, right] where type.kind != .dynamic && !allowed.contains(type.kind) {
            report(.type, "\(isMinus ? "-" : "+") cannot take \(type.kind.rawValue)", at: offset)
            return StaticType(.dynamic, isSecret: isSecret)
        }
        if left.kind == .dynamic || right.kind == .dynamic {
            return StaticType(left.kind == .dynamic ? right.kind : left.kind, isSecret: isSecret)
        }
        // A declared number may hold an int or a double, so only the run can judge such a mixture.
        let isNumeric = [left.kind, right.kind].allSatisfy { $0 == .int || $0 == .number }
        if left.kind != right.kind, !isNumeric {
            report(
                .type,
                "\(isMinus ? "-" : "+") cannot take \(left.kind.rawValue) and \(right.kind.rawValue); string() makes text of a value",
                at: offset)
            return StaticType(.dynamic, isSecret: isSecret)
        }
        return StaticType(left.kind == right.kind ? left.kind : .number, isSecret: isSecret)
    }

    private mutating func compare(
        _ comparison: ExpressionNode.Comparison, _ left: StaticType, _ right: StaticType, at offset: Int
    ) {
        if left.isSecret || right.isSecret {
            report(.comparedSecret, "a secret cannot be compared; compare fingerprint(x), or ask has(x)", at: offset)
            return
        }
        switch comparison {
        case .isIn:
            if ![.object, .array, .dynamic].contains(right.kind) {
                report(.type, "in looks into a list or an object, and this is \(right.kind.rawValue)", at: offset)
            }
        case .equal, .notEqual:
            guard left.kind != .dynamic, right.kind != .dynamic, left.kind != .null, right.kind != .null else { return }
            guard Self.family(left.kind) != Self.family(right.kind) else { return }
            report(.type, "\(left.kind.rawValue) never equals \(right.kind.rawValue)", at: offset)
        case .less, .lessOrEqual, .greater, .greaterOrEqual:
            let isOrdered = [left.kind, right.kind].allSatisfy {
                [.string, .int, .number, .bool, .dynamic].contains($0)
            }
            let isSame =
                left.kind == .dynamic || right.kind == .dynamic || Self.family(left.kind) == Self.family(right.kind)
            guard !isOrdered || !isSame else { return }
            report(
                .type, "\(comparison.rawValue) cannot order \(left.kind.rawValue) and \(right.kind.rawValue)",
                at: offset)
        }
    }

    private static func family(_ kind: StaticType.Kind) -> StaticType.Kind { kind == .int ? .number : kind }

    private mutating func call(
        _ function: ExpressionNode.Function, _ argument: ExpressionNode, at offset: Int
    ) -> StaticType {
        if function == .has {
            checkPresence(argument)
            return StaticType(.bool)
        }
        let value = type(of: argument)
        switch function {
        case .has: return StaticType(.bool)
        case .size: return size(of: value, at: offset)
        case .string:
            need([.string, .int, .number, .bool], value, "string", at: offset)
            return StaticType(.string, isSecret: value.isSecret)
        case .int:
            if value.isSecret { report(.misusedSecret, "a secret is no number", at: offset) }
            need([.string, .int, .number], value, "int", at: offset)
            return StaticType(.int, isSecret: value.isSecret)
        case .fingerprint, .last4:
            if !value.isSecret, value.kind != .dynamic || isKnown(argument) {
                report(.type, "\(function.rawValue) takes a secret, and this is plain", at: offset)
            } else if value.isSecret, function == .fingerprint, argument.isPutTogether {
                report(
                    .misusedSecret, "only a stored secret has a fingerprint, not text put together from one",
                    at: offset)
            }
            return StaticType(.string)
        }
    }

    /// `has` only asks for the path and does not read it, but it reads the values that compute a part of the path.
    private mutating func checkPresence(_ path: ExpressionNode) {
        guard case .path(let base, let steps) = path.kind else { return }
        let computed = steps.lastIndex { step in
            if case .member = step { false } else { true }
        }
        if case .name = base.kind, computed == nil { return }
        let before = problems.count
        _ = type(of: Array(steps.prefix((computed ?? -1) + 1)), from: base)
        // A member of something that has no members is only missing; that is no problem here.
        let found = problems[before...].filter { $0.code != .type }
        problems.replaceSubrange(before..., with: found)
    }

    /// Whether it is certain, for all values that the node reads, which of them are secret.
    private func isKnown(_ node: ExpressionNode) -> Bool { node.references().allSatisfy { environment($0) != nil } }

    private mutating func need(_ kinds: [StaticType.Kind], _ value: StaticType, _ name: String, at offset: Int) {
        guard value.kind != .dynamic, !kinds.contains(value.kind) else { return }
        report(.type, "\(name) cannot take \(value.kind.rawValue)", at: offset)
    }

    private mutating func size(of value: StaticType, at offset: Int) -> StaticType {
        if value.isSecret { report(.misusedSecret, "the size of a secret is not told", at: offset) }
        need([.string, .array, .object], value, "size", at: offset)
        return StaticType(.int, isSecret: value.isSecret)
    }

    private mutating func call(
        _ method: ExpressionNode.Method, on value: StaticType, _ argument: StaticType?, at offset: Int
    ) -> StaticType {
        if method == .size { return size(of: value, at: offset) }
        need([.string], value, method.rawValue, at: offset)
        if let argument { need([.string], argument, method.rawValue, at: offset) }
        if method == .lowerAscii { return StaticType(.string, isSecret: value.isSecret) }
        if value.isSecret || argument?.isSecret == true {
            report(.comparedSecret, "\(method.rawValue) would compare a secret", at: offset)
        }
        return StaticType(.bool)
    }
}
