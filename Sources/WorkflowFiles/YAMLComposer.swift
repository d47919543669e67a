import Foundation
import WorkflowCore
import Yams

/// Turns text into Yams nodes, in bounded time and memory for any text.
struct YAMLComposer {
    /// What was made of the text. The parser is kept because nodes refer to their anchors weakly.
    struct Composed {
        let root: Node?
        let parser: Parser?
        /// The true names of keys that were renamed to get past Yams's check for duplicates.
        let renamed: [SourcePosition: String]
        let problem: YAMLProblem?
    }

    /// Plain scalars without a tag resolve to this tag; what they mean is decided by `YAMLReader`.
    static let plainTag = Tag.Name(rawValue: "plain")

    private static let resolver = (try? Resolver.basic.appending(plainTag, "^")) ?? .basic
    private static let maximumDuplicates = 20

    static func compose(_ text: String) -> Composed {
        if let problem = YAMLKeys.firstWithinKey(text) {
            return Composed(root: nil, parser: nil, renamed: [:], problem: problem)
        }
        // An alias in a mapping's key makes Yams hash the whole tree behind it, again and again. So a text that may
        // have aliases is first read with its aliases turned into words. It is read as it stands only if it has no
        // anchor.
        if text.utf8.contains(UInt8(ascii: "*")), text.utf8.contains(UInt8(ascii: "&")) {
            let words = String(
                decoding: text.utf8.map { $0 == UInt8(ascii: "*") ? UInt8(ascii: "x") : $0 }, as: UTF8.self)
            let composed = composeRenaming(words)
            guard let root = composed.root, !hasAnchor(root) else { return composed }
        }
        return composeRenaming(text)
    }

    private static func hasAnchor(_ node: Node) -> Bool {
        if node.anchor != nil { return true }
        return switch node {
        case .scalar, .alias: false
        case .sequence(let sequence): sequence.contains(where: hasAnchor)
        case .mapping(let mapping): mapping.contains { hasAnchor($0.key) || hasAnchor($0.value) }
        }
    }

    /// Yams stops at a duplicate key and tells only where the first one stands. Renaming that one, at equal length, lets it
    /// read on, so that the second one's position and all other problems of the file are found.
    private static func composeRenaming(_ text: String) -> Composed {
        var text = text
        var renamed: [SourcePosition: String] = [:]
        while true {
            do {
                let parser = try Parser(yaml: text, resolver: resolver, encoding: .utf8)
                return Composed(root: try parser.singleRoot(), parser: parser, renamed: renamed, problem: nil)
            } catch YamlError.duplicatedKeysInMapping(let duplicates, let context) {
                let position = SourcePosition(line: context.mark.line, column: context.mark.column)
                if let name = duplicates.first, renamed.count < maximumDuplicates,
                    let next = rename(name, at: position, in: text, number: renamed.count)
                {
                    renamed[position] = name
                    text = next
                    continue
                }
                let problem = YAMLProblem(
                    position, .unknownKey, "the key \"\(duplicates.first ?? "")\" is given twice in this mapping",
                    hint: "keep one of them")
                return Composed(root: nil, parser: nil, renamed: [:], problem: problem)
            } catch {
                return Composed(root: nil, parser: nil, renamed: [:], problem: YAMLErrorText.problem(error, in: text))
            }
        }
    }

    /// Writes a name nobody uses over a plain, lower-case key.
    private static func rename(_ name: String, at position: SourcePosition, in text: String, number: Int) -> String? {
        var scalars = Array(text.unicodeScalars)
        guard let start = offset(of: position, in: scalars) else { return nil }
        let key = Array(name.unicodeScalars)
        guard key.count >= 2, start + key.count <= scalars.count, Array(scalars[start..<start + key.count]) == key,
            key.allSatisfy({ $0.isASCII && ($0.properties.isAlphabetic || "0123456789_-".unicodeScalars.contains($0)) })
        else { return nil }
        let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ".unicodeScalars)
        for index in 0..<key.count { scalars[start + index] = letters[25] }
        scalars[start] = letters[number % letters.count]
        return String(String.UnicodeScalarView(scalars))
    }

    private static func offset(of position: SourcePosition, in scalars: [Unicode.Scalar]) -> Int? {
        var line = 1
        var index = 0
        while line < position.line, index < scalars.count {
            if scalars[index] == "\n"
                || (scalars[index] == "\r" && !(index + 1 < scalars.count && scalars[index + 1] == "\n"))
            {
                line += 1
            }
            index += 1
        }
        let found = index + position.column - 1
        return line == position.line && found < scalars.count ? found : nil
    }
}
