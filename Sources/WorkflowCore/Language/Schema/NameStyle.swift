/// What a name may look like, by what it names.
enum NameStyle {
    /// A state, service, policy or call: letters, digits, `_` and `-`.
    case plain
    /// An error: a plain name that is not built in.
    case error
    /// Something that expressions can read: letters, digits and `_`.
    case variable
    /// An HTTP header or a field of a query or a form.
    case header
    case field

    static let maximumLength = 63

    /// Why the name is refused; nil when it is fine.
    func refusal(of name: String) -> String? {
        if case .field = self { return name.isEmpty ? "it is empty" : nil }
        guard !name.isEmpty else { return "it is empty" }
        guard name.utf8.count <= Self.maximumLength else { return "it is longer than \(Self.maximumLength) characters" }
        if case .header = self { return Self.refusal(ofHeader: name) }
        let bytes = Array(name.utf8)
        guard bytes[0].isASCIILetter else { return "it must begin with a letter" }
        for byte in bytes where !byte.isASCIIAlphanumeric && byte != UInt8(ascii: "_") {
            if case .variable = self { return "use letters, digits and _" }
            if byte != UInt8(ascii: "-") { return "use letters, digits, _ and -" }
        }
        switch self {
        case .variable where ["true", "false", "null", "in"].contains(name): return "expressions keep this word"
        case .error where ErrorName.reserved.contains(name): return "this error is built in"
        default: return nil
        }
    }

    private static func refusal(ofHeader name: String) -> String? {
        let symbols = Array("!#$%&'*+-.^_`|~".utf8)
        guard name.utf8.allSatisfy({ $0.isASCIIAlphanumeric || symbols.contains($0) }) else {
            return "a header's name is letters, digits and -"
        }
        return switch name.lowercased() {
        case "host", "content-length", "transfer-encoding", "connection": "the engine sets this header"
        default: nil
        }
    }
}
