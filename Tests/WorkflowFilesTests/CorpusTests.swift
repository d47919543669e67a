import Testing
import WorkflowFiles

@testable import WorkflowCore

@Suite("Corpus")
struct CorpusTests {
    @Test(arguments: CorpusFile.broken)
    func `each broken file prints exactly its expected text, by checking it`(_ file: CorpusFile) throws {
        try file.compare()
    }

    @Test(arguments: CorpusFile.valid)
    func `each valid file has no error and prints exactly its warnings, by checking it`(_ file: CorpusFile) throws {
        try file.compare()
        #expect(try file.check().errors.isEmpty)
    }

    @Test func `the corpus is there, by counting its files`() {
        #expect(CorpusFile.broken.count >= 60)
        #expect(CorpusFile.valid.count >= 5)
    }

    @Test(arguments: CorpusFile.broken)
    func `every broken file prints the code it is named after, by its expected text`(_ file: CorpusFile) throws {
        let code = file.name.prefix { $0 != "-" }.uppercased()
        let isClean = file.name.hasSuffix("is-no-content")
        #expect(try file.expected().contains(" \(code) ") != isClean)
    }

    @Test
    func `every code of a rule is asserted at least twice, by collecting them from the corpus and the tables`() throws {
        let tables = BrokenTextTests.files + BrokenGraphTests.files + BrokenCallTests.files + BrokenSecretTests.files
        var lines = tables.flatMap(\.problems)
        for file in CorpusFile.broken + CorpusFile.valid {
            lines += try file.expected().split(separator: "\n").map { String($0) }
        }
        var counts: [String: Int] = [:]
        for line in lines {
            guard let code = line.split(separator: " ").dropFirst().first else { continue }
            counts[String(code), default: 0] += 1
        }
        for code in ProblemCode.allCases { #expect(counts[code.rawValue, default: 0] >= 2, "\(code.rawValue)") }
    }

    @Test func `every keyword of the language is used by a valid file, by walking the table along the files`() throws {
        var used: Set<String> = []
        for file in CorpusFile.valid {
            let tree = try #require(try file.check().tree)
            Self.collect(tree, .mapping(Vocabulary.file), &used)
        }
        var all: Set<String> = []
        Self.collectAll(.mapping(Vocabulary.file), &all)
        #expect(all.count > 90, "the walk misses most of the table")
        #expect(all.subtracting(used) == [])
    }

    private static func collect(_ value: JSONValue, _ form: Vocabulary.Form, _ used: inout Set<String>) {
        switch (form, value) {
        case (.mapping(let shape), .object(let object)):
            for member in object.members {
                guard let keyword = shape.keyword(member.name) else { continue }
                used.insert("\(shape.title).\(member.name)")
                collect(member.value, keyword.form, &used)
            }
        case (.names(_, let form), .object(let object)):
            for member in object.members { collect(member.value, form, &used) }
        case (.list(let form), .array(let items)), (.filledList(let form), .array(let items)),
            (.oneOrMore(let form), .array(let items)):
            for item in items { collect(item, form, &used) }
        case (.either(let forms), _): for form in forms { collect(value, form, &used) }
        default: break
        }
    }

    private static func collectAll(_ form: Vocabulary.Form, _ all: inout Set<String>) {
        switch form {
        case .mapping(let shape):
            for keyword in shape.keywords where all.insert("\(shape.title).\(keyword.name)").inserted {
                collectAll(keyword.form, &all)
            }
        case .names(_, let form), .list(let form), .filledList(let form), .oneOrMore(let form): collectAll(form, &all)
        case .either(let forms): for form in forms { collectAll(form, &all) }
        default: break
        }
    }
}
