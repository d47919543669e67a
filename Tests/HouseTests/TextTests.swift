import Foundation
import Testing

/// What commands say stands in one file of their folder, so that a person can read all of it in one sitting.
@Suite struct TextTests {
    private static let root = "Sources/turnup/"
    /// The argument parser reads these texts where the commands are declared.
    private static let declarations: Set = [
        "CommandConfiguration", "CommandGroup", "ArgumentHelp", "@Argument", "@Option", "@Flag", "@OptionGroup",
    ]

    @Test func `no command says a sentence, three words or more, outside the texts of its folder`() throws {
        for path in files() where !path.hasSuffix("Texts.swift") {
            for literal in SwiftLiterals(try Repository.text(path)).all
            where literal.words > 2 && Self.declarations.isDisjoint(with: literal.calls) {
                Issue.record("\(path):\(literal.line) says \"\(literal.text)\"")
            }
        }
    }

    @Test func `texts are called after their folder, one file each, and every folder of commands has them`() {
        let paths = files()
        let folders = Set(paths.compactMap(folder))
        #expect(folders.count > 10)
        #expect(
            paths.filter { $0.hasSuffix("Texts.swift") }
                == folders.sorted().map { "\(Self.root)\($0)/\($0)Texts.swift" })
    }

    /// The rule above sees nothing that this reader does not see.
    @Test func `literals are found with their calls, across interpolations and lines`() {
        let source = ##"""
            // "a comment"
            @Option(help: ArgumentHelp("One.", valueName: "n")) var a = ""
            note("two \(f("three", [1: "four"][1] ?? "")) five")
            let six = """
                seven \
                eight
                """
            note(#"nine "\n" \#(x)"#)
            """##
        let found = SwiftLiterals(source).all
        #expect(
            found.map(\.text) == [
                "One.", "n", "", "three", "four", "", "two ~ five", "\n    seven \n    eight\n    ", "nine \"\\n\" ~",
            ])
        #expect(found.map(\.line) == [2, 2, 2, 3, 3, 3, 3, 4, 8])
        #expect(found[0].calls == ["@Option", "ArgumentHelp"])
        #expect(found[3].calls == ["note", "f"])
        #expect(found[6].calls == ["note"])
        #expect(found[7].words == 2)
    }

    private func files() -> [String] {
        // Texts of the shipped definitions, `Workflows`, are no Swift files.
        Repository.files(below: ["Sources/turnup"], ending: ".swift")
    }

    /// The folder that a file lies in; nil for the files of the program itself.
    private func folder(_ path: String) -> String? {
        let parts = path.dropFirst(Self.root.count).split(separator: "/")
        return parts.count == 2 ? String(parts[0]) : nil
    }
}
