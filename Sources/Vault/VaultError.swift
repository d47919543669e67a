/// Why the vault refused; safe to show, for it never holds a key or a plain value.
public struct VaultError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Code: String, Sendable, CaseIterable {
        /// There is no key file at the path.
        case keyFileMissing = "key_file_missing"
        /// The file could not be read or written.
        case keyFileUnusable = "key_file_unusable"
        /// Others than its owner could have read or replaced the file.
        case keyFileNotPrivate = "key_file_not_private"
        /// The text is no key file, or one of a newer format.
        case keyFileFormat = "key_file_format"
        /// The value was sealed with a key that this ring does not hold.
        case keyUnknown = "key_unknown"
        /// A place without a scope id or name, or with a version below 1.
        case placeInvalid = "place_invalid"
        /// The sealed value has a format that this build does not know.
        case sealFormat = "seal_format"
        /// The sealed value was changed, moved to another place, or sealed by another key of the same id.
        case sealBroken = "seal_broken"
    }

    public let code: Code
    /// What happened, and where.
    public let message: String
    /// What to do about it.
    public let hint: String

    public init(_ code: Code, _ message: String, hint: String) {
        self.code = code
        self.message = message
        self.hint = hint
    }

    public var description: String { "\(code.rawValue): \(message) (\(hint))" }
}
