/// The operators: arithmetic and comparison.
extension ExpressionEvaluator {
    mutating func apply(
        _ operators: [ExpressionNode.Unary], _ node: ExpressionNode, at offset: Int
    ) throws(ExpressionError) -> Operand {
        var value = try evaluate(node)
        for sign in operators.reversed() {
            switch sign {
            case .not: value = .json(.bool(!(try bool(value, at: node.offset))))
            case .minus: value = try negative(value, at: offset)
            }
        }
        return value
    }

    mutating func add(_ left: Operand, _ right: Operand, at offset: Int) throws(ExpressionError) -> Operand {
        switch (left, right) {
        case (.json(.string(let a)), .json(.string(let b))):
            return .json(.string(try joined(a, b, at: offset)))
        case (.secret(let a), .json(.string(let b))):
            return derived(try joined(try revealedText(a, at: offset), b, at: offset))
        case (.json(.string(let a)), .secret(let b)):
            return derived(try joined(a, try revealedText(b, at: offset), at: offset))
        case (.secret(let a), .secret(let b)):
            return derived(try joined(try revealedText(a, at: offset), try revealedText(b, at: offset), at: offset))
        case (.json(.array(let a)), .json(.array(let b))):
            try charge(a.count + b.count, at: offset)
            return .json(.array(a + b))
        default:
            return try calculate(left, right, symbol: "+", at: offset) {
                $0.addingReportingOverflow($1)
            } double: {
                $0 + $1
            }
        }
    }

    private func negative(_ value: Operand, at offset: Int) throws(ExpressionError) -> Operand {
        if case .secret = value { throw error(.secret, "a secret is no number", at: offset) }
        switch try arithmetic(value, at: offset) {
        case .integer(let number)?:
            guard number != .min else { throw error(.expression, "the result does not fit 64 bits", at: offset) }
            return .json(.integer(-number))
        case .double(let number)?:
            guard let result = JSONNumber(double: -number) else {
                throw error(.expression, "the result is too large", at: offset)
            }
            return .double(result)
        case nil: throw error(.expression, "- takes a number, and this is \(value.typeName)", at: offset)
        }
    }

    func subtract(_ right: Operand, from left: Operand, at offset: Int) throws(ExpressionError) -> Operand {
        try calculate(left, right, symbol: "-", at: offset) {
            $0.subtractingReportingOverflow($1)
        } double: {
            $0 - $1
        }
    }

    private func calculate(
        _ left: Operand, _ right: Operand, symbol: String, at offset: Int,
        integer: (Int64, Int64) -> (partialValue: Int64, overflow: Bool), double: (Double, Double) -> Double
    ) throws(ExpressionError) -> Operand {
        if case .secret = left {
            throw error(.secret, "\(symbol) takes a secret only to join it with text", at: offset)
        }
        if case .secret = right {
            throw error(.secret, "\(symbol) takes a secret only to join it with text", at: offset)
        }
        switch (try arithmetic(left, at: offset), try arithmetic(right, at: offset)) {
        case (.integer(let a)?, .integer(let b)?):
            let (result, overflow) = integer(a, b)
            guard !overflow else { throw error(.expression, "the result does not fit 64 bits", at: offset) }
            return .json(.integer(result))
        case (.double(let a)?, .double(let b)?):
            guard let result = JSONNumber(double: double(a, b)) else {
                throw error(.expression, "the result is too large", at: offset)
            }
            return .double(result)
        case (.integer?, .double?), (.double?, .integer?):
            throw error(.expression, "\(symbol) does not mix int and double; write 1.0 for 1, or use int()", at: offset)
        default:
            throw error(
                .expression,
                "\(symbol) cannot take \(left.typeName) and \(right.typeName); string() makes text of a value",
                at: offset)
        }
    }

    private enum Arithmetic {
        case integer(Int64)
        case double(Double)
    }

    private func arithmetic(_ operand: Operand, at offset: Int) throws(ExpressionError) -> Arithmetic? {
        switch operand {
        case .double(let number): return .double(number.double)
        case .json(.number(let number)):
            if let value = number.integer { return .integer(value) }
            guard !number.isWhole else {
                throw error(
                    .expression, "a whole number beyond 64 bits can be passed on but not calculated with", at: offset)
            }
            return .double(number.double)
        default: return nil
        }
    }

    mutating func compare(
        _ comparison: ExpressionNode.Comparison, _ left: Operand, _ right: Operand, at offset: Int
    ) throws(ExpressionError) -> Bool {
        if case .secret = left { throw comparedSecret(at: offset) }
        if case .secret = right { throw comparedSecret(at: offset) }
        switch comparison {
        case .equal: return try isEqual(left, right, at: offset)
        case .notEqual: return try !isEqual(left, right, at: offset)
        case .less: return try precedes(left, right, comparison, at: offset)
        case .greater: return try precedes(right, left, comparison, at: offset)
        case .lessOrEqual: return try !precedes(right, left, comparison, at: offset)
        case .greaterOrEqual: return try !precedes(left, right, comparison, at: offset)
        case .isIn: return try contains(right, left, at: offset)
        }
    }

    private func comparedSecret(at offset: Int) -> ExpressionError {
        error(.secret, "a secret cannot be compared; compare fingerprint(x), or ask has(x)", at: offset)
    }

    private mutating func isEqual(_ left: Operand, _ right: Operand, at offset: Int) throws(ExpressionError) -> Bool {
        let a = try json(left, at: offset)
        let b = try json(right, at: offset)
        try chargeWeight(of: a, at: offset)
        try chargeWeight(of: b, at: offset)
        return a == b
    }

    private mutating func precedes(
        _ left: Operand, _ right: Operand, _ comparison: ExpressionNode.Comparison, at offset: Int
    ) throws(ExpressionError) -> Bool {
        if let a = left.number, let b = right.number {
            try charge(a.text.utf8.count + b.text.utf8.count, at: offset)
            return a < b
        }
        switch (left, right) {
        case (.json(.string(let a)), .json(.string(let b))):
            try charge(min(a.utf8.count, b.utf8.count), at: offset)
            return a.precedesByScalars(b)
        case (.json(.bool(let a)), .json(.bool(let b))): return !a && b
        default:
            throw error(
                .expression, "\(comparison.rawValue) cannot order \(left.typeName) and \(right.typeName)", at: offset)
        }
    }

    private mutating func contains(_ whole: Operand, _ part: Operand, at offset: Int) throws(ExpressionError) -> Bool {
        switch whole {
        case .json(.array(let items)):
            let value = try json(part, at: offset)
            try chargeWeight(of: .array(items), at: offset)
            return items.contains(value)
        case .json(.object(let object)):
            guard case .json(.string(let name)) = part else { return false }
            try charge(object.count, at: offset)
            return object[name] != nil
        case .record(let members):
            guard case .json(.string(let name)) = part else { return false }
            return members.contains { $0.0.hasSameScalars(as: name) }
        default:
            throw error(.expression, "in looks into a list or an object, and this is \(whole.typeName)", at: offset)
        }
    }

    func derived(_ text: String) -> Operand { .secret(SecretValue(reference: nil, revealed: Secret(text))) }

    func revealedText(_ secret: SecretValue, at offset: Int) throws(ExpressionError) -> String {
        guard let revealed = secret.revealed else {
            throw error(.secret, "the secret is sealed here; only a request can put its text together", at: offset)
        }
        return revealed.revealText()
    }

    mutating func joined(_ left: String, _ right: String, at offset: Int) throws(ExpressionError) -> String {
        let bytes = left.utf8.count + right.utf8.count
        try charge(bytes, at: offset)
        guard bytes <= ExpressionLimits.textBytes else {
            throw error(.limit, "the text grows beyond \(ExpressionLimits.textBytes) bytes", at: offset)
        }
        return left + right
    }
}
