/// One statement parameter.
///
/// Text, integers and doubles are sent as text without a type, so that PostgreSQL takes the type from the place where
/// they stand (`$1::int4`, a column, a function's argument). The other cases carry their type and go in binary form,
/// so that nothing in them needs quoting.
public enum PostgresValue: Sendable, Hashable {
    case null
    /// Text of any type; may not contain U+0000, which PostgreSQL cannot store.
    case text(String)
    case bool(Bool)
    case int(Int64)
    case double(Double)
    /// `bytea`
    case bytes([UInt8])
    case uuid(PostgresUUID)
    /// `text[]`
    case textArray([String?])
    /// `bigint[]`
    case intArray([Int64?])
    /// `uuid[]`
    case uuidArray([PostgresUUID?])
    /// `bytea[]`
    case bytesArray([[UInt8]?])
    /// `boolean[]`
    case boolArray([Bool?])
}

extension PostgresValue {
    /// The value, or null for nil.
    public static func optional(_ text: String?) -> PostgresValue { text.map { .text($0) } ?? .null }
    /// The value, or null for nil.
    public static func optional(_ number: Int64?) -> PostgresValue { number.map { .int($0) } ?? .null }
    /// The value, or null for nil.
    public static func optional(_ bytes: [UInt8]?) -> PostgresValue { bytes.map { .bytes($0) } ?? .null }
    /// The value, or null for nil.
    public static func optional(_ uuid: PostgresUUID?) -> PostgresValue { uuid.map { .uuid($0) } ?? .null }
}

extension PostgresValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByNilLiteral
{
    public init(stringLiteral value: String) { self = .text(value) }
    public init(integerLiteral value: Int64) { self = .int(value) }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    public init(nilLiteral: ()) { self = .null }
}

/// Type numbers that never change between servers.
enum TypeNumber {
    static let unspecified: UInt32 = 0
    static let bool: UInt32 = 16
    static let bytes: UInt32 = 17
    static let int8: UInt32 = 20
    static let text: UInt32 = 25
    static let boolArray: UInt32 = 1000
    static let bytesArray: UInt32 = 1001
    static let textArray: UInt32 = 1009
    static let int8Array: UInt32 = 1016
    static let uuid: UInt32 = 2950
    static let uuidArray: UInt32 = 2951
}

extension PostgresValue {
    var typeNumber: UInt32 {
        switch self {
        case .null, .text, .int, .double: TypeNumber.unspecified
        case .bool: TypeNumber.bool
        case .bytes: TypeNumber.bytes
        case .uuid: TypeNumber.uuid
        case .textArray: TypeNumber.textArray
        case .intArray: TypeNumber.int8Array
        case .uuidArray: TypeNumber.uuidArray
        case .bytesArray: TypeNumber.bytesArray
        case .boolArray: TypeNumber.boolArray
        }
    }

    var isBinary: Bool {
        switch self {
        case .null, .text, .int, .double: false
        case .bool, .bytes, .uuid, .textArray, .intArray, .uuidArray, .bytesArray, .boolArray: true
        }
    }
}
