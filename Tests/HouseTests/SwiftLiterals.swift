/// The string literals of a Swift file, each with the calls in whose parentheses it stands.
///
/// It knows line comments, escapes, interpolations, raw and multi-line literals; regex literals and block comments do not
/// stand in the folders that are read with it.
struct SwiftLiterals {
    struct Literal: Equatable {
        let line: Int
        /// Without escapes; `~` stands for each interpolation.
        let text: String
        let calls: [String]

        /// Pieces between blanks that have two letters next to each other.
        var words: Int {
            text.split(whereSeparator: \.isWhitespace).count { piece in
                zip(piece, piece.dropFirst()).contains { $0.isLetter && $1.isLetter }
            }
        }
    }

    private(set) var all: [Literal] = []
    private let source: [Character]
    private var place = 0
    private var line = 1
    private var calls: [String] = []

    init(_ text: String) {
        source = Array(text)
        code(isInterpolation: false)
    }

    private func stands(_ text: some Collection<Character>, at place: Int) -> Bool {
        source.dropFirst(place).starts(with: text)
    }

    private mutating func step() {
        if source[place] == "\n" { line += 1 }
        place += 1
    }

    /// Reads to the end, or to the parenthesis that closes an interpolation.
    private mutating func code(isInterpolation: Bool) {
        let depth = calls.count
        while place < source.count {
            switch source[place] {
            case "/" where stands("//", at: place):
                while place < source.count, source[place] != "\n" { place += 1 }
                continue
            case "#", "\"":
                var hashes = 0
                while stands("#", at: place + hashes) { hashes += 1 }
                if stands("\"", at: place + hashes) {
                    literal(hashes: hashes)
                    continue
                }
            case "(": calls.append(nameBefore(place))
            case ")":
                if isInterpolation, calls.count == depth {
                    place += 1
                    return
                }
                _ = calls.popLast()
            default: break
            }
            step()
        }
    }

    private func nameBefore(_ place: Int) -> String {
        var start = place
        while start > 0 {
            let character = source[start - 1]
            guard character.isLetter || character.isNumber || "_.@".contains(character) else { break }
            start -= 1
        }
        return String(source[start..<place])
    }

    private mutating func literal(hashes: Int) {
        let first = line
        place += hashes
        let quotes = String(repeating: "\"", count: stands("\"\"\"", at: place) ? 3 : 1)
        let raw = String(repeating: "#", count: hashes)
        place += quotes.count
        var text = ""
        while place < source.count, !stands(quotes + raw, at: place) {
            guard stands("\\" + raw, at: place) else {
                text.append(source[place])
                step()
                continue
            }
            place += 1 + hashes
            if source[place] == "(" {
                place += 1
                code(isInterpolation: true)
                text += "~"
            } else {
                text += source[place] == "n" ? " " : String(source[place])
                step()
            }
        }
        place += quotes.count + hashes
        all.append(Literal(line: first, text: text, calls: calls))
    }
}
