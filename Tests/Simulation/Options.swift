import Foundation

struct UsageError: Error, CustomStringConvertible {
    let description: String
}

/// What the command line asks for. Read by hand: a parser package would take longer to build than the rest.
struct Options {
    static let usage = """
        usage: Simulation [--seconds N] [--first-seed N] [--seeds N] [--threads N] [--regressions FILE]
               Simulation --replay SEED [--bug NAME]        one seed, with its whole trace
               Simulation --record FILE [--first-seed N] [--seeds N] [--bug NAME]
                    every call of the store with its answer; with a bug, of the first seed that it breaks
               Simulation --bugs [--seeds N] [--brief]      every planted bug, until it is found
        exit codes: 0 all is well, 1 an invariant was violated, 2 bad usage, 3 inconclusive
        """

    var seconds: Double?
    var firstSeed: UInt64 = UInt64(Date().timeIntervalSince1970 * 1000) << 16
    var seeds: UInt64?
    var threads = ProcessInfo.processInfo.activeProcessorCount
    var regressions: String?
    var replay: UInt64?
    var record: String?
    var bug: Bug?
    var huntsBugs = false
    /// One line instead of the table, while every bug is found.
    var isBrief = false

    init(_ arguments: [String]) throws {
        var rest = arguments[...]
        func number<Number: FixedWidthInteger>(_ name: String) throws -> Number {
            guard let text = rest.popFirst(), let value = Number(text) else {
                throw UsageError(description: "\(name) needs a number\n\(Self.usage)")
            }
            return value
        }
        while let name = rest.popFirst() {
            switch name {
            case "--seconds": seconds = Double(try number(name) as Int)
            case "--first-seed": firstSeed = try number(name)
            case "--seeds": seeds = try number(name)
            case "--threads": threads = max(1, try number(name))
            case "--replay": replay = try number(name)
            case "--regressions": regressions = rest.popFirst()
            case "--record": record = rest.popFirst()
            case "--bugs": huntsBugs = true
            case "--brief": isBrief = true
            case "--bug":
                guard let bug = rest.popFirst().flatMap(Bug.init) else {
                    let names = Bug.allCases.map(\.rawValue).joined(separator: ", ")
                    throw UsageError(description: "--bug needs one of: \(names)")
                }
                self.bug = bug
            default: throw UsageError(description: "unknown argument \(name)\n\(Self.usage)")
            }
        }
    }
}
