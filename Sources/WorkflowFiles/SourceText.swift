import WorkflowCore

/// The text of a file, after the checks that make every later position trustworthy.
struct SourceText {
    static let maximumBytes = 256 * 1024

    let text: String
    /// Where the text first breaks a rule; reading stops there.
    let problem: YAMLProblem?

    init(_ bytes: [UInt8]) {
        text = String(decoding: bytes, as: UTF8.self)
        guard bytes.count <= Self.maximumBytes else {
            problem = YAMLProblem(
                .start, .notYAML, "the file has \(bytes.count) bytes; a definition may have \(Self.maximumBytes)",
                hint: "split the workflow")
            return
        }
        problem = Self.firstProblem(in: bytes)
    }

    private static func firstProblem(in bytes: [UInt8]) -> YAMLProblem? {
        var line = 1
        var column = 1
        var previous: UInt32 = 0
        var parser = Unicode.UTF8.ForwardParser()
        var rest = bytes.makeIterator()
        while true {
            let position = SourcePosition(line: line, column: column)
            switch parser.parseScalar(from: &rest) {
            case .emptyInput: return nil
            case .error: return YAMLProblem(position, .notYAML, "the file is not UTF-8 here", hint: "save it as UTF-8")
            case .valid(let encoded):
                let scalar = Unicode.UTF8.decode(encoded).value
                if let reason = refusal(of: scalar) {
                    return YAMLProblem(position, .notYAML, reason.message, hint: reason.hint)
                }
                if scalar == 0x0A, previous == 0x0D {
                    // The second half of CR LF, counted already.
                } else if scalar == 0x0A || scalar == 0x0D {
                    line += 1
                    column = 1
                } else {
                    column += 1
                }
                previous = scalar
            }
        }
    }

    /// YAML counts U+0085, U+2028 and U+2029 as line breaks and editors do not, so they would shift every line number.
    private static func refusal(of scalar: UInt32) -> (message: String, hint: String)? {
        switch scalar {
        case 0x09, 0x0A, 0x0D, 0x20...0x7E: nil
        case 0xFEFF:
            ("the file holds a byte order mark (U+FEFF)", "save it as UTF-8 without BOM")
        case 0x85, 0x2028, 0x2029, 0x00...0x1F, 0x7F...0x9F, 0xFFFE, 0xFFFF:
            ("the character U+\(hexadecimal(scalar)) is invisible and not allowed", "remove it")
        default: nil
        }
    }

    private static func hexadecimal(_ scalar: UInt32) -> String {
        let digits = String(scalar, radix: 16, uppercase: true)
        return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }
}
