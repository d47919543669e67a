/// The `Link` header (RFC 8288), as far as paging uses it. No package here reads it.
///
/// A header that is not well formed proves nothing: read leniently it would make of a page in the middle the last one.
struct LinkHeader {
    struct Link: Equatable {
        let target: String
        /// The words of `rel`, in lower case.
        let relations: [String]
    }

    private var rest: Substring

    /// All links of an answer; nil: some header cannot be read.
    static func links(in answer: Answer) -> [Link]? {
        var all: [Link] = []
        for (name, value) in answer.headers where name.lowercased() == "link" {
            var header = LinkHeader(rest: value[...])
            guard let links = header.read() else { return nil }
            all += links
        }
        return all
    }

    static func links(in header: String) -> [Link]? {
        var header = LinkHeader(rest: header[...])
        return header.read()
    }

    private mutating func read() -> [Link]? {
        var links: [Link] = []
        while true {
            skip(" \t,")
            if rest.isEmpty { return links }
            guard let link = readLink() else { return nil }
            links.append(link)
            skip(" \t")
            guard rest.isEmpty || rest.first == "," else { return nil }
        }
    }

    private mutating func readLink() -> Link? {
        guard take("<"), let end = rest.firstIndex(of: ">") else { return nil }
        let target = rest[..<end]
        guard !target.contains(where: { $0 == "<" || $0 == "\"" || $0.isWhitespace }) else { return nil }
        rest = rest[rest.index(after: end)...]
        var relations: [String]?
        while true {
            skip(" \t")
            guard take(";") else { break }
            skip(" \t")
            // A semicolon at the end is seen in the wild.
            if rest.isEmpty || rest.first == "," { break }
            guard let (name, value) = readParameter() else { return nil }
            // Only the first `rel` counts (section 3.3).
            if name == "rel", relations == nil {
                relations = value.lowercased().split(separator: " ").map(String.init)
            }
        }
        return Link(target: String(target), relations: relations ?? [])
    }

    private mutating func readParameter() -> (name: String, value: String)? {
        let name = readToken()
        guard !name.isEmpty else { return nil }
        skip(" \t")
        guard take("=") else { return (name.lowercased(), "") }
        skip(" \t")
        guard take("\"") else {
            // Single quotes are not of the standard, and are seen.
            let value = readToken().filter { $0 != "'" }
            return value.isEmpty ? nil : (name.lowercased(), value)
        }
        var value = ""
        while let character = rest.popFirst() {
            if character == "\"" { return (name.lowercased(), value) }
            guard character == "\\" else {
                value.append(character)
                continue
            }
            guard let escaped = rest.popFirst() else { return nil }
            value.append(escaped)
        }
        return nil
    }

    private mutating func readToken() -> String {
        let token = rest.prefix { !" \t,;=\"<>".contains($0) }
        rest = rest[token.endIndex...]
        return String(token)
    }

    private mutating func skip(_ characters: String) {
        rest = rest.drop { characters.contains($0) }
    }

    private mutating func take(_ character: Character) -> Bool {
        guard rest.first == character else { return false }
        rest.removeFirst()
        return true
    }
}
