import Testing
import WorkflowCore

/// One case of CEL's public conformance suite that lies within the subset, under its public name.
struct PublicCase: Sendable, CustomTestStringConvertible {
    let name: String
    let expression: String
    /// JSON; nil where CEL says that it is an error.
    let value: String?
    let variables: String

    var testDescription: String { name }

    static let all = language + comparisons + values

    /// `name | expression | value or error | variables` on each line. What a line cannot show as it is, stands as a
    /// JSON text after `json:`.
    static func table(_ text: String) -> [PublicCase] {
        text.split(separator: "\n").compactMap { line in
            let parts = line.split(separator: " | ", omittingEmptySubsequences: false).map(String.init)
            guard parts.count >= 3 else { return nil }
            let isQuoted = parts[1].hasPrefix("json:")
            let quoted = isQuoted ? try? JSONValue.parse(String(parts[1].dropFirst(5))).stringValue : nil
            return PublicCase(
                name: parts[0], expression: quoted ?? parts[1], value: parts[2] == "error" ? nil : parts[2],
                variables: parts.count > 3 ? parts[3] : "{}")
        }
    }
}

@Suite("Expressions agree with CEL's public cases")
struct CELPublicCaseTests {
    @Test func `there are more than 300, each once, by counting`() {
        #expect(PublicCase.all.count == 381)
        #expect(Set(PublicCase.all.map(\.name)).count >= 375, "\(PublicCase.all.map(\.name).repeated)")
    }

    @Test(arguments: PublicCase.all)
    func `the value is the public one, by evaluating`(_ item: PublicCase) throws {
        var scope = ExpressionScope()
        for (name, value) in try JSONValue.parse(item.variables).objectValue?.members ?? [] {
            scope[name] = .json(value)
        }
        let (found, type) = ConformanceCase.outcome(of: item.expression, in: scope)
        guard let value = item.value else {
            #expect(type == nil, "\(item.expression) is \(found), not an error")
            // Refused as a part of CEL that is not there would be no agreement.
            #expect(!["!unsupported", "!unknown_function"].contains(found))
            return
        }
        #expect(try type != nil && JSONValue.parse(found) == JSONValue.parse(value), "\(item.expression) is \(found)")
    }
}
