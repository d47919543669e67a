enum PatternInstruction: Sendable {
    case scalar(Unicode.Scalar)
    case set(PatternClass)
    case assertion(PatternAssertion)
    case split(Int, Int)
    case jump(Int)
    case match
}

/// Follows all ways through a program at once, one scalar of the text at a time (Thompson's method).
struct PatternMachine {
    let program: [PatternInstruction]
    /// How many instructions were looked at, so that a test can check that the work is bounded.
    private(set) var steps = 0
    /// For each instruction the text position (plus 1) at which it was last entered.
    private var entered: [Int]
    private var stack: [Int] = []

    init(program: [PatternInstruction]) {
        self.program = program
        entered = [Int](repeating: 0, count: program.count)
    }

    mutating func run(_ text: String.UnicodeScalarView) -> Bool {
        var waiting: [Int] = []
        var next: [Int] = []
        var previous: Unicode.Scalar?
        var iterator = text.makeIterator()
        var current = iterator.next()
        var position = 1
        while true {
            // A match may start anywhere, so the program is entered again at every position.
            if follow(0, at: position, between: previous, and: current, into: &waiting) { return true }
            guard let scalar = current else { return false }
            let upcoming = iterator.next()
            next.removeAll(keepingCapacity: true)
            for index in waiting {
                steps += 1
                let isTaken =
                    switch program[index] {
                    case .scalar(let wanted): wanted == scalar
                    case .set(let set): set.contains(scalar)
                    default: false
                    }
                guard isTaken else { continue }
                if follow(index + 1, at: position + 1, between: scalar, and: upcoming, into: &next) { return true }
            }
            swap(&waiting, &next)
            previous = scalar
            current = upcoming
            position += 1
        }
    }

    /// Adds the instructions that wait for a scalar; true when the match is complete.
    private mutating func follow(
        _ start: Int, at position: Int, between previous: Unicode.Scalar?, and upcoming: Unicode.Scalar?,
        into waiting: inout [Int]
    ) -> Bool {
        stack.append(start)
        while let index = stack.popLast() {
            guard entered[index] != position else { continue }
            entered[index] = position
            steps += 1
            switch program[index] {
            case .match:
                stack.removeAll(keepingCapacity: true)
                return true
            case .jump(let target): stack.append(target)
            case .split(let first, let second):
                stack.append(second)
                stack.append(first)
            case .assertion(let assertion):
                if Self.holds(assertion, between: previous, and: upcoming) { stack.append(index + 1) }
            case .scalar, .set: waiting.append(index)
            }
        }
        return false
    }

    private static func holds(
        _ assertion: PatternAssertion, between previous: Unicode.Scalar?, and upcoming: Unicode.Scalar?
    ) -> Bool {
        switch assertion {
        case .start: return previous == nil
        case .end: return upcoming == nil
        case .wordBoundary, .noWordBoundary:
            let isBoundary =
                (previous.map(PatternClass.word.contains) ?? false)
                != (upcoming.map(PatternClass.word.contains) ?? false)
            return isBoundary == (assertion == .wordBoundary)
        }
    }
}
