/// The members of a JSON object in the order they were written.
///
/// Look-up is linear: the objects of API answers and definitions are small, and the parser bounds them.
public struct JSONObject: Sendable {
    public typealias Member = (name: String, value: JSONValue)

    public private(set) var members: [Member]

    public init() { members = [] }

    /// Keeps the last of members with the same name.
    public init(_ members: [(String, JSONValue)]) {
        self.members = []
        self.members.reserveCapacity(members.count)
        for (name, value) in members { self[name] = value }
    }

    /// For a caller that knows the names to be distinct, such as the parser.
    public init(distinct members: [Member]) { self.members = members }

    public var count: Int { members.count }
    public var isEmpty: Bool { members.isEmpty }

    /// Reads, replaces, appends, or (with nil) removes the member of that name.
    public subscript(name: String) -> JSONValue? {
        get { members.first { $0.name.hasSameScalars(as: name) }?.value }
        set {
            let index = members.firstIndex { $0.name.hasSameScalars(as: name) }
            switch (index, newValue) {
            case (let index?, let value?): members[index].value = value
            case (nil, let value?): members.append((name, value))
            case (let index?, nil): members.remove(at: index)
            case (nil, nil): break
            }
        }
    }
}

extension JSONObject: Equatable {
    /// Order is no part of an object's meaning.
    public static func == (left: JSONObject, right: JSONObject) -> Bool {
        guard left.count == right.count else { return false }
        let isSameOrder = zip(left.members, right.members).allSatisfy { $0.name.hasSameScalars(as: $1.name) }
        if isSameOrder { return zip(left.members, right.members).allSatisfy { $0.value == $1.value } }
        guard left.count > 16 else { return left.members.allSatisfy { right[$0.name] == $0.value } }
        // An index keeps a large hostile object from costing the square of its size.
        let index = Dictionary(right.members.map { (ScalarText($0.name), $0.value) }) { first, _ in first }
        return left.members.allSatisfy { index[ScalarText($0.name)] == $0.value }
    }
}

/// Text as a key of sets and dictionaries, by its Unicode scalars.
struct ScalarText: Hashable {
    let text: String

    init(_ text: String) { self.text = text }

    static func == (left: ScalarText, right: ScalarText) -> Bool { left.text.hasSameScalars(as: right.text) }

    func hash(into hasher: inout Hasher) {
        let isContiguous: Void? = text.utf8.withContiguousStorageIfAvailable {
            hasher.combine(bytes: UnsafeRawBufferPointer($0))
        }
        guard isContiguous == nil else { return }
        for byte in text.utf8 { hasher.combine(byte) }
    }
}
