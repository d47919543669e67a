import Foundation
import WorkflowCore
import Yams

/// libyaml's complaints in words for people.
enum YAMLErrorText {
    static func problem(_ error: any Error, in text: String) -> YAMLProblem {
        switch error {
        case YamlError.scanner(_, let problem, let mark, _), YamlError.parser(_, let problem, let mark, _):
            return syntax(problem, mark, text)
        case YamlError.composer(_, let problem, let mark, _):
            let position = place(mark, in: text)
            if problem.contains("another document") {
                return YAMLProblem(
                    position, .unknownKey, "a second document starts here; a file holds one definition",
                    hint: "move it to a file of its own")
            }
            if problem.contains("alias") {
                return YAMLProblem(
                    position, .unknownKey, "aliases (*name) are not part of the language", hint: "write the value out")
            }
            return YAMLProblem(position, .notYAML, "this is not YAML: \(problem)")
        case YamlError.reader(let problem, _, _, _):
            return YAMLProblem(.start, .notYAML, "this is not YAML: \(problem)")
        default:
            return YAMLProblem(.start, .notYAML, "this is not YAML")
        }
    }

    private static func syntax(_ problem: String, _ mark: Mark, _ text: String) -> YAMLProblem {
        let position = place(mark, in: text)
        let line = line(mark.line, of: text)
        let indentation = line.prefix { $0 == " " || $0 == "\t" }
        if indentation.contains("\t") {
            return YAMLProblem(position, .notYAML, "a tab indents this line; YAML allows spaces only")
        }
        let hint: String? =
            switch problem {
            case "did not find expected key", "mapping values are not allowed in this context":
                "check the indentation, and quote text that holds \": \" or \" #\""
            case "found character that cannot start any token": "quote the text"
            case "found unexpected end of stream": "a quote or a bracket is never closed"
            case "could not find expected ':'": "a key needs a colon and a space after it"
            default: nil
            }
        return YAMLProblem(position, .notYAML, "this is not YAML: \(problem)", hint: hint)
    }

    /// The place of an error. At the end of a text without a last line break, libyaml names a line that does not exist.
    private static func place(_ mark: Mark, in text: String) -> SourcePosition {
        var line = 1
        var column = 1
        for character in text {
            if character.isNewline {
                line += 1
                column = 1
            } else {
                column += character.unicodeScalars.count
            }
        }
        return min(SourcePosition(line: mark.line, column: mark.column), SourcePosition(line: line, column: column))
    }

    private static func line(_ number: Int, of text: String) -> Substring {
        var current = 1
        var start = text.startIndex
        var index = start
        while index < text.endIndex {
            if text[index].isNewline {
                if current == number { return text[start..<index] }
                current += 1
                start = text.index(after: index)
            }
            index = text.index(after: index)
        }
        return current == number ? text[start...] : ""
    }
}
