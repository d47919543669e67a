import Glibc

/// All parameters of one statement in the form libpq wants.
///
/// The bytes of every parameter live in one allocation that lasts as long as this value; addresses into it are made
/// only inside `withPointers`, after the last byte was written.
struct ParameterBuffer {
    /// PostgreSQL refuses any message over one gigabyte, and closes the connection over it.
    static let largestByteCount = 1_000_000_000
    static let largestCount = 65_535

    private(set) var types: [UInt32] = []
    private var offsets: [Int] = []
    private var lengths: [Int32] = []
    private var formats: [Int32] = []
    private var bytes: [UInt8] = []

    var count: Int { types.count }
    var byteCount: Int { bytes.count }

    /// No parameters.
    init() {}

    init(_ parameters: [PostgresValue], label: String) throws(PostgresError) {
        guard parameters.count <= Self.largestCount else {
            throw .invalidParameter("there are \(parameters.count) parameters, the limit is 65535", label: label)
        }
        types.reserveCapacity(parameters.count)
        offsets.reserveCapacity(parameters.count)
        lengths.reserveCapacity(parameters.count)
        formats.reserveCapacity(parameters.count)
        bytes.reserveCapacity(parameters.reduce(0) { $0 + $1.roomNeeded })
        for (index, parameter) in parameters.enumerated() {
            let start = bytes.count
            if let problem = parameter.append(to: &bytes) {
                throw .invalidParameter("parameter $\(index + 1) \(problem)", label: label)
            }
            guard bytes.count <= Self.largestByteCount else {
                throw .invalidParameter("the parameters are larger than 1 GB together", label: label)
            }
            types.append(parameter.typeNumber)
            offsets.append(parameter == .null ? -1 : start)
            lengths.append(Int32(bytes.count - start))
            formats.append(parameter.isBinary ? 1 : 0)
            // libpq finds the end of a text parameter by its NUL.
            bytes.append(0)
        }
    }

    /// Calls `body` with libpq's four parallel arrays; the pointers end with the call.
    func withPointers<Value>(
        _ body: (
            _ types: UnsafePointer<UInt32>?, _ values: UnsafePointer<UnsafePointer<CChar>?>?,
            _ lengths: UnsafePointer<Int32>?, _ formats: UnsafePointer<Int32>?
        ) -> Value
    ) -> Value {
        bytes.withUnsafeBytes { bytes in
            let base = bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
            let values = offsets.map { offset in offset < 0 ? nil : base.map { $0 + offset } }
            return values.withUnsafeBufferPointer { values in
                types.withUnsafeBufferPointer { types in
                    lengths.withUnsafeBufferPointer { lengths in
                        formats.withUnsafeBufferPointer { formats in
                            body(types.baseAddress, values.baseAddress, lengths.baseAddress, formats.baseAddress)
                        }
                    }
                }
            }
        }
    }
}

extension PostgresValue {
    /// An estimate of the bytes this parameter takes, so that the buffer grows once.
    fileprivate var roomNeeded: Int {
        switch self {
        case .null: 1
        case .text(let text): text.utf8.count + 1
        case .bool: 2
        case .int, .double: 25
        case .bytes(let bytes): bytes.count + 1
        case .uuid: 17
        case .textArray(let elements): elements.reduce(21) { $0 + 4 + ($1?.utf8.count ?? 0) }
        case .intArray(let elements): 21 + 12 * elements.count
        case .uuidArray(let elements): 21 + 20 * elements.count
        case .bytesArray(let elements): elements.reduce(21) { $0 + 4 + ($1?.count ?? 0) }
        case .boolArray(let elements): 21 + 5 * elements.count
        }
    }

    /// Writes the value; the answer says what is wrong with it, or nil.
    fileprivate func append(to bytes: inout [UInt8]) -> String? {
        switch self {
        case .null: return nil
        case .text(let text): return bytes.appendText(text)
        case .bool(let value): bytes.append(value ? 1 : 0)
        case .int(let value): bytes.append(contentsOf: String(value).utf8)
        case .double(let value): bytes.append(contentsOf: value.postgresText.utf8)
        case .bytes(let value): bytes.append(contentsOf: value)
        case .uuid(let value): bytes.appendUUID(value)
        case .textArray(let elements):
            return bytes.appendArray(elements, of: TypeNumber.text) { $0.appendText($1) }
        case .intArray(let elements):
            return bytes.appendArray(elements, of: TypeNumber.int8) {
                $0.appendBigEndian($1)
                return nil
            }
        case .uuidArray(let elements):
            return bytes.appendArray(elements, of: TypeNumber.uuid) {
                $0.appendUUID($1)
                return nil
            }
        case .bytesArray(let elements):
            return bytes.appendArray(elements, of: TypeNumber.bytes) {
                $0.append(contentsOf: $1)
                return nil
            }
        case .boolArray(let elements):
            return bytes.appendArray(elements, of: TypeNumber.bool) {
                $0.append($1 ? 1 : 0)
                return nil
            }
        }
        return nil
    }
}

extension Double {
    fileprivate var postgresText: String {
        if isNaN { return "NaN" }
        if isInfinite { return self < 0 ? "-Infinity" : "Infinity" }
        return description
    }
}

extension [UInt8] {
    fileprivate mutating func appendBigEndian(_ value: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: value.bigEndian) { append(contentsOf: $0) }
    }

    fileprivate mutating func appendUUID(_ uuid: PostgresUUID) {
        appendBigEndian(uuid.high)
        appendBigEndian(uuid.low)
    }

    fileprivate mutating func appendText(_ text: String) -> String? {
        let start = count
        append(contentsOf: text.utf8)
        let hasNul = withUnsafeBytes { bytes in
            bytes.baseAddress.map { memchr($0 + start, 0, bytes.count - start) != nil } ?? false
        }
        return hasNul ? "contains the character U+0000, which PostgreSQL cannot store" : nil
    }

    /// PostgreSQL's binary array: dimensions, whether there are NULLs, element type, length, lower bound, elements.
    fileprivate mutating func appendArray<Item>(
        _ elements: [Item?], of type: UInt32, _ appendElement: (inout [UInt8], Item) -> String?
    ) -> String? {
        appendBigEndian(Int32(elements.isEmpty ? 0 : 1))
        appendBigEndian(Int32(elements.contains { $0 == nil } ? 1 : 0))
        appendBigEndian(type)
        guard !elements.isEmpty else { return nil }
        appendBigEndian(Int32(clamping: elements.count))
        appendBigEndian(Int32(1))
        for element in elements {
            guard let element else {
                appendBigEndian(Int32(-1))
                continue
            }
            let lengthAt = count
            appendBigEndian(Int32(0))
            if let problem = appendElement(&self, element) { return problem }
            let length = Int32(clamping: count - lengthAt - 4).bigEndian
            Swift.withUnsafeBytes(of: length) { replaceSubrange(lengthAt..<lengthAt + 4, with: $0) }
        }
        return nil
    }
}
