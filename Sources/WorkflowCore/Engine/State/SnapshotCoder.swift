/// Goes through the fields of a state, one after the other, and writes, reads or commits each.
///
/// So `RunState` names each of its fields once for all three. Reading leaves a field without a stored value as it was,
/// and notes a broken value.
struct SnapshotCoder {
    private enum Mode {
        case writing, reading
        case committing(Instant)
    }

    private let mode: Mode
    private(set) var json: JSONObject
    private(set) var times: SnapshotTimes
    /// Something was there that could not be read.
    private(set) var isBroken = false
    /// How many fields the coder went through; a test compares the number with the state's properties.
    private(set) var fieldCount = 0

    static func writing() -> SnapshotCoder { SnapshotCoder(mode: .writing, json: [:], times: SnapshotTimes([])) }

    static func reading(_ json: JSONObject, _ times: [Int64]) -> SnapshotCoder {
        SnapshotCoder(mode: .reading, json: json, times: SnapshotTimes(times))
    }

    /// A coder that puts the time of the commit into every field that bears it.
    static func committing(at time: Instant) -> SnapshotCoder {
        SnapshotCoder(mode: .committing(time), json: [:], times: SnapshotTimes([]))
    }

    private init(mode: Mode, json: JSONObject, times: SnapshotTimes) {
        self.mode = mode
        self.json = json
        self.times = times
    }

    /// A field that is written unless it has its usual value. Without a usual value it is always written, and must be
    /// there for reading.
    mutating func field<Value: SnapshotValue>(_ name: String, _ value: inout Value, unless usual: Value? = nil) {
        fieldCount += 1
        switch mode {
        case .writing:
            if value != usual { json[name] = value.json(&times) }
        case .reading:
            guard let part = json[name] else {
                if usual == nil { isBroken = true }
                return
            }
            if let read = Value(part, times) { value = read } else { isBroken = true }
        case .committing(let time): if Value.bearsTimes { value = value.committed(at: time) }
        }
    }

    /// A field that is written when it has a value.
    mutating func field<Value: SnapshotValue>(_ name: String, _ value: inout Value?) {
        fieldCount += 1
        switch mode {
        case .writing: json[name] = value?.json(&times)
        case .reading:
            guard let part = json[name] else { return }
            value = Value(part, times)
            if value == nil { isBroken = true }
        case .committing(let time): if Value.bearsTimes { value = value?.committed(at: time) }
        }
    }

    /// A field that never changes, for writing only.
    mutating func constant(_ name: String, _ value: some SnapshotValue) {
        if case .writing = mode { json[name] = value.json(&times) }
    }

    /// A field that never changes, for reading only.
    func constant<Value: SnapshotValue>(_ name: String) -> Value? { json[name].flatMap { Value($0, times) } }
}

/// The times of a snapshot, each named by its place in the list.
struct SnapshotTimes {
    private(set) var microseconds: [Int64]

    init(_ microseconds: [Int64]) { self.microseconds = microseconds }

    mutating func add(_ time: Instant) -> JSONValue {
        microseconds.append(time.microseconds)
        return .integer(microseconds.count - 1)
    }

    func time(_ value: JSONValue) -> Instant? {
        guard let place = value.integerValue.flatMap(Int.init(exactly:)), microseconds.indices.contains(place) else {
            return nil
        }
        return Instant(microseconds: microseconds[place])
    }
}

/// What can be part of a snapshot.
protocol SnapshotValue: Equatable {
    /// Whether a commit changes anything in such a value.
    static var bearsTimes: Bool { get }
    func json(_ times: inout SnapshotTimes) -> JSONValue
    /// Nil when it is broken.
    init?(_ json: JSONValue, _ times: SnapshotTimes)
    func committed(at time: Instant) -> Self
}

extension SnapshotValue {
    static var bearsTimes: Bool { false }
    func committed(at time: Instant) -> Self { self }
}

extension Bool: SnapshotValue {
    func json(_ times: inout SnapshotTimes) -> JSONValue { .bool(self) }
    init?(_ json: JSONValue, _ times: SnapshotTimes) {
        guard let value = json.boolValue else { return nil }
        self = value
    }
}

extension String: SnapshotValue {
    func json(_ times: inout SnapshotTimes) -> JSONValue { .string(self) }
    init?(_ json: JSONValue, _ times: SnapshotTimes) {
        guard let value = json.stringValue else { return nil }
        self = value
    }
}

extension Int: SnapshotValue {
    func json(_ times: inout SnapshotTimes) -> JSONValue { .integer(self) }
    init?(_ json: JSONValue, _ times: SnapshotTimes) {
        guard let value = json.integerValue else { return nil }
        self = Int(clamping: value)
    }
}

extension Int64: SnapshotValue {
    func json(_ times: inout SnapshotTimes) -> JSONValue { .integer(self) }
    init?(_ json: JSONValue, _ times: SnapshotTimes) {
        guard let value = json.integerValue else { return nil }
        self = value
    }
}

extension Instant: SnapshotValue {
    static var bearsTimes: Bool { true }
    func json(_ times: inout SnapshotTimes) -> JSONValue { times.add(self) }
    init?(_ json: JSONValue, _ times: SnapshotTimes) {
        guard let value = times.time(json) else { return nil }
        self = value
    }
    func committed(at time: Instant) -> Instant { isOfThisCommit ? time : self }
}

extension JSONObject: SnapshotValue {
    func json(_ times: inout SnapshotTimes) -> JSONValue { .object(self) }
    init?(_ json: JSONValue, _ times: SnapshotTimes) {
        guard let value = json.objectValue else { return nil }
        self = value
    }
}

extension RunStatus: SnapshotValue {
    func json(_ times: inout SnapshotTimes) -> JSONValue { .string(rawValue) }
    init?(_ json: JSONValue, _ times: SnapshotTimes) {
        guard let value = json.stringValue.flatMap(RunStatus.init) else { return nil }
        self = value
    }
}

extension Array: SnapshotValue where Element: SnapshotValue {
    static var bearsTimes: Bool { Element.bearsTimes }
    func json(_ times: inout SnapshotTimes) -> JSONValue {
        var parts: [JSONValue] = []
        for element in self { parts.append(element.json(&times)) }
        return .array(parts)
    }
    init?(_ json: JSONValue, _ times: SnapshotTimes) {
        guard let parts = json.arrayValue else { return nil }
        self = parts.compactMap { Element($0, times) }
        if count != parts.count { return nil }
    }
    func committed(at time: Instant) -> [Element] { map { $0.committed(at: time) } }
}
