/// A regular expression as JSON Schema uses it (found anywhere unless anchored), matched without
/// backtracking: the time is bounded by the length of the text times the size of the program.
///
/// It takes literals, `.`, classes, `\d \w \s \D \W \S`, `^ $ \b \B`, groups, `|`, `* + ? {m,n}` and their
/// lazy forms, which match the same texts. Characters are Unicode scalars; `\d` and `\w` are ASCII.
public struct Pattern: Sendable {
    public let source: String
    let program: [PatternInstruction]

    /// UTF-8 bytes of a pattern.
    public static let maximumSourceBytes = 1024
    /// Instructions after all repetitions are written out.
    public static let maximumProgramSize = 4096

    public static func parse(_ source: String) throws(PatternError) -> Pattern {
        guard source.utf8.count <= maximumSourceBytes else {
            throw PatternError(
                message: "the pattern is longer than \(maximumSourceBytes) bytes", source: source, offset: 0)
        }
        var parser = PatternParser(source: source)
        let node = try parser.parse()
        guard node.size < maximumProgramSize else {
            throw PatternError(
                message: "the repetitions of the pattern multiply beyond \(maximumProgramSize) steps", source: source,
                offset: 0)
        }
        var program: [PatternInstruction] = []
        node.emit(into: &program)
        program.append(.match)
        return Pattern(source: source, program: program)
    }

    private init(source: String, program: [PatternInstruction]) {
        self.source = source
        self.program = program
    }

    public func matches(_ text: String) -> Bool {
        var machine = PatternMachine(program: program)
        return machine.run(text.unicodeScalars)
    }
}

extension Pattern: Equatable {
    /// Two patterns with the same source are equal.
    public static func == (left: Pattern, right: Pattern) -> Bool { left.source.hasSameScalars(as: right.source) }
}

/// Why a text is no pattern, or one that only backtracking could match.
public struct PatternError: Error, Sendable, Equatable, CustomStringConvertible {
    public let message: String
    public let source: String
    /// Unicode scalars of the source before the place.
    public let offset: Int

    public var description: String { "\(message) (at character \(offset + 1) of: \(source))" }
}

/// A set of scalars: ranges, or all others.
struct PatternClass: Sendable {
    var ranges: [ClosedRange<UInt32>]
    var isNegated = false

    func contains(_ scalar: Unicode.Scalar) -> Bool {
        ranges.contains { $0.contains(scalar.value) } != isNegated
    }

    static let digits = PatternClass(ranges: [0x30...0x39])
    static let word = PatternClass(ranges: [0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A])
    static let space = PatternClass(ranges: [
        0x09...0x0D, 0x20...0x20, 0xA0...0xA0, 0x1680...0x1680, 0x2000...0x200A, 0x2028...0x2029, 0x202F...0x202F,
        0x205F...0x205F, 0x3000...0x3000, 0xFEFF...0xFEFF,
    ])
    static let anyButLineEnd = PatternClass(ranges: [0x0A...0x0A, 0x0D...0x0D, 0x2028...0x2029], isNegated: true)

    /// The ranges of the others, for a negated class within a class.
    var complement: [ClosedRange<UInt32>] {
        var rest: [ClosedRange<UInt32>] = []
        var next: UInt32 = 0
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if range.lowerBound > next { rest.append(next...(range.lowerBound - 1)) }
            next = max(next, range.upperBound + 1)
        }
        if next <= 0x10FFFF { rest.append(next...0x10FFFF) }
        return rest
    }
}

enum PatternAssertion: Sendable {
    case start, end, wordBoundary, noWordBoundary
}

/// The parsed pattern.
indirect enum PatternNode {
    case empty
    case scalar(Unicode.Scalar)
    case set(PatternClass)
    case assertion(PatternAssertion)
    case sequence([PatternNode])
    case choice([PatternNode])
    /// nil: without an upper limit.
    case repeated(PatternNode, minimum: Int, maximum: Int?)

    /// An estimate of the instructions that the node takes, without writing them. It is never too low, except that it
    /// stops at a huge number.
    var size: Int {
        switch self {
        case .empty, .scalar, .set, .assertion: 1
        case .sequence(let nodes): nodes.reduce(1) { min($0 + $1.size, 1 << 20) }
        case .choice(let nodes): nodes.reduce(1) { min($0 + $1.size + 2, 1 << 20) }
        case .repeated(let node, let minimum, let maximum):
            min((node.size + 1) * max(1, maximum ?? minimum + 1) + 2, 1 << 20)
        }
    }

    func emit(into program: inout [PatternInstruction]) {
        switch self {
        case .empty: break
        case .scalar(let scalar): program.append(.scalar(scalar))
        case .set(let set): program.append(.set(set))
        case .assertion(let assertion): program.append(.assertion(assertion))
        case .sequence(let nodes):
            for node in nodes { node.emit(into: &program) }
        case .choice(let nodes):
            var jumps: [Int] = []
            for node in nodes.dropLast() {
                let split = program.count
                program.append(.match)
                node.emit(into: &program)
                jumps.append(program.count)
                program.append(.match)
                program[split] = .split(split + 1, program.count)
            }
            nodes.last?.emit(into: &program)
            for jump in jumps { program[jump] = .jump(program.count) }
        case .repeated(let node, let minimum, let maximum):
            for _ in 0..<minimum { node.emit(into: &program) }
            guard let maximum else {
                let split = program.count
                program.append(.match)
                node.emit(into: &program)
                program.append(.jump(split))
                program[split] = .split(split + 1, program.count)
                return
            }
            var splits: [Int] = []
            for _ in minimum..<max(minimum, maximum) {
                splits.append(program.count)
                program.append(.match)
                node.emit(into: &program)
            }
            for split in splits { program[split] = .split(split + 1, program.count) }
        }
    }
}
