/// Why a text is no expression, and where.
public struct ExpressionSyntaxError: Error, Sendable, Equatable {
    public enum Code: String, Sendable, CaseIterable {
        case syntax
        /// Part of CEL, but not of the subset.
        case unsupported
        case unknownFunction = "unknown_function"
        /// Too long or nested too deeply.
        case limit
    }

    public let code: Code
    public let message: String
    /// The text that was read: an expression, or the template around it.
    public let source: String
    /// Unicode scalars of `source` before the place of the error.
    public let offset: Int

    public init(code: Code, message: String, source: String, offset: Int) {
        self.code = code
        self.message = message
        self.source = source
        self.offset = offset
    }
}

extension ExpressionSyntaxError: CustomStringConvertible {
    public var description: String { "\(message) (at character \(offset + 1) of: \(source))" }
}

/// Why an expression has no value. It names paths and types, never a value.
public struct ExpressionError: Error, Sendable, Equatable {
    public enum Code: String, Sendable, CaseIterable {
        /// The path leads nowhere: a member, an element or a variable is not there.
        case missing
        /// An operator, a function or a text cannot take this type of value, or a number overflows.
        case expression
        /// A secret stands where none may, or its plain value is not at hand.
        case secret
        /// The work or the text grew too large.
        case limit
    }

    public let code: Code
    public let message: String
    public let source: String
    /// Unicode scalars of `source` before the place of the error.
    public let offset: Int

    public init(code: Code, message: String, source: String, offset: Int) {
        self.code = code
        self.message = message
        self.source = source
        self.offset = offset
    }
}

extension ExpressionError: CustomStringConvertible {
    public var description: String { "\(message) (at character \(offset + 1) of: \(source))" }
}

/// What an expression may cost.
public enum ExpressionLimits {
    /// UTF-8 bytes of one expression.
    public static let sourceBytes = 1024
    /// Parentheses, calls, lists, indexes and branches inside one another.
    public static let depth = 32
    /// UTF-8 bytes of a text that an expression or a template puts together; a value that is only
    /// passed on is not counted.
    public static let textBytes = 64 * 1024
    /// Nodes visited plus bytes and elements looked at, in one evaluation.
    public static let steps = 8 * 1024 * 1024
}
