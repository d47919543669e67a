/// What is known of a value before any run.
public struct StaticType: Sendable, Equatable {
    public enum Kind: String, Sendable, CaseIterable {
        case string, int, number, bool, null, object, array
        /// Known only at run time.
        case dynamic
    }

    public let kind: Kind
    /// It is a secret, or made from one.
    public let isSecret: Bool

    public init(_ kind: Kind, isSecret: Bool = false) {
        self.kind = kind
        self.isSecret = isSecret
    }
}

/// A mistake that is certain before any run.
public struct StaticProblem: Sendable, Equatable {
    public enum Code: String, Sendable, CaseIterable {
        /// An operator or a function can never take this type.
        case type
        /// A secret is compared, or decides something.
        case comparedSecret = "compared_secret"
        /// A secret stands where it can never work, such as in a list.
        case misusedSecret = "misused_secret"
    }

    public let code: Code
    public let message: String
    /// Unicode scalars of the source, of an expression or of a template, before the place.
    public let offset: Int

    public init(code: Code, message: String, offset: Int) {
        self.code = code
        self.message = message
        self.offset = offset
    }
}

public struct StaticAnalysis: Sendable, Equatable {
    public let type: StaticType
    public let problems: [StaticProblem]

    public init(type: StaticType, problems: [StaticProblem] = []) {
        self.type = type
        self.problems = problems
    }
}

extension Expression {
    /// The type of the result, whether it is secret, and what can never work.
    ///
    /// `environment` gives the type of each path, as far as the text tells the path (`references`). nil means unknown,
    /// and counts as dynamic: the caller itself must check whether a name is declared.
    public func analyse(_ environment: (ExpressionReference) -> StaticType?) -> StaticAnalysis {
        withoutActuallyEscaping(environment) { environment in
            var analyser = ExpressionAnalyser(environment: environment)
            let type = analyser.type(of: root)
            return StaticAnalysis(type: type, problems: analyser.problems)
        }
    }
}

extension Template {
    /// As `Expression.analyse`; offsets count in the template.
    public func analyse(_ environment: (ExpressionReference) -> StaticType?) -> StaticAnalysis {
        var problems: [StaticProblem] = []
        var types: [StaticType] = []
        for part in parts {
            guard case .expression(let expression, let offset) = part else { continue }
            let analysis = expression.analyse { environment($0.moved(by: offset)) }
            types.append(analysis.type)
            problems += analysis.problems.map {
                StaticProblem(code: $0.code, message: $0.message, offset: $0.offset + offset)
            }
            guard parts.count > 1, [.null, .object, .array].contains(analysis.type.kind) else { continue }
            problems.append(
                StaticProblem(
                    code: .type,
                    message:
                        "within text only a string, number or bool can be written, not \(analysis.type.kind.rawValue)",
                    offset: offset))
        }
        if parts.count == 1, let type = types.first { return StaticAnalysis(type: type, problems: problems) }
        let type = StaticType(.string, isSecret: types.contains { $0.isSecret })
        return StaticAnalysis(type: type, problems: problems)
    }
}

extension JSONTemplate {
    /// As `Expression.analyse`; secret when any leaf is. Offsets count in the template each stands in,
    /// so a caller that shows places analyses `templates` one by one.
    public func analyse(_ environment: (ExpressionReference) -> StaticType?) -> StaticAnalysis {
        let analyses = templates.map { $0.analyse(environment) }
        let isSecret = analyses.contains { $0.type.isSecret }
        let kind: StaticType.Kind =
            switch self {
            case .literal(let value): ExpressionAnalyser.kind(of: value)
            case .template: analyses.first?.type.kind ?? .dynamic
            case .array: .array
            case .object: .object
            }
        return StaticAnalysis(type: StaticType(kind, isSecret: isSecret), problems: analyses.flatMap(\.problems))
    }

    /// The templates of the tree, in its order.
    public var templates: [Template] {
        switch self {
        case .literal: []
        case .template(let template): [template]
        case .array(let items): items.flatMap(\.templates)
        case .object(let members): members.flatMap(\.value.templates)
        }
    }
}
