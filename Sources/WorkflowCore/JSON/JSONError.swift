/// Why a text is no JSON that the engine takes, and where. It quotes nothing of the text.
public struct JSONError: Error, Sendable, Equatable {
    public enum Code: String, Sendable, CaseIterable {
        case syntax
        /// The text ends too early.
        case truncated
        /// Something follows the value.
        case trailingText = "trailing_text"
        case invalidUTF8 = "invalid_utf8"
        case invalidEscape = "invalid_escape"
        /// A `\u` escape that is half of a pair.
        case loneSurrogate = "lone_surrogate"
        case controlCharacter = "control_character"
        case invalidNumber = "invalid_number"
        case duplicateKey = "duplicate_key"
        case tooDeep = "too_deep"
        case tooLarge = "too_large"
    }

    public let code: Code
    /// Bytes before the place of the error.
    public let offset: Int
    /// From 1.
    public let line: Int
    /// In Unicode scalars, from 1.
    public let column: Int
    public let message: String
}

extension JSONError: CustomStringConvertible {
    public var description: String { "\(line):\(column): \(code.rawValue): \(message)" }
}

/// How much a JSON text may ask of its reader.
public struct JSONLimits: Sendable, Equatable {
    /// Arrays and objects inside one another; more than 512 counts as 512, because reading recurses.
    public let depth: Int
    public let bytes: Int

    public init(depth: Int = 64, bytes: Int = 1 << 20) {
        self.depth = min(depth, 512)
        self.bytes = bytes
    }

    /// 64 levels, 1 MiB.
    public static let standard = JSONLimits()
}
