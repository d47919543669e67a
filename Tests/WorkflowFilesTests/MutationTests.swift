import Foundation
import Testing
import WorkflowCore
import WorkflowFiles

/// Files mutilated at random: whatever comes out is judged, quickly and with places inside the file.
///
/// `TURNUP_MUTATIONS=100000` makes as many; without it there are some thousand.
@Suite("Mutations", .serialized)
struct MutationTests {
    private static let count =
        ProcessInfo.processInfo.environment["TURNUP_MUTATIONS"].flatMap { Int($0) }.map { max(400, $0) } ?? 4000

    #if DEBUG
        private static let longest: Duration = .seconds(2)
    #else
        private static let longest: Duration = .milliseconds(100)
    #endif

    @Test(arguments: [1, 2, 3, 4])
    func `any mutilated file is judged in time with places inside it, by seeded changes`(_ seed: UInt64) throws {
        var originals = [(name: "whatsapp-number.yaml", bytes: try Samples.shipped("whatsapp-number"))]
        originals += try CorpusFile.valid.map { ("\($0.name).yaml", try $0.bytes()) }
        var mutator = Mutator(seed: seed)
        var slowest: Duration = .zero
        var refused = 0
        var accepted = 0
        for index in 0..<(Self.count / 4) {
            let original = originals[index % originals.count]
            let mutated = mutator.mutate(original.bytes)
            let time = try judge(mutated, original.name, "seed \(seed), file \(index)", &refused, &accepted)
            slowest = max(slowest, time)
        }
        print("seed \(seed): \(Self.count / 4) files, the slowest took \(slowest)")
        // Changes within comments and titles harm nothing; most others do.
        #expect(refused > Self.count / 40)
        #expect(accepted > Self.count / 200)
    }

    private func judge(
        _ bytes: [UInt8], _ file: String, _ name: String, _ refused: inout Int, _ accepted: inout Int
    ) throws -> Duration {
        let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        // A lone CR ends a line as well, so lines may outnumber the LFs by the CRs.
        let last = lines.count + bytes.count { $0 == UInt8(ascii: "\r") }
        let clock = ContinuousClock()
        var time: Duration = .seconds(60)
        var check = WorkflowFile.check([], name: file)
        // Somebody else may have had the processor, so what seems slow is measured again.
        for _ in 0..<3 where time > Self.longest {
            time = min(time, clock.measure { check = WorkflowFile.check(bytes, name: file) })
        }
        #expect(time <= Self.longest, "\(name)")
        for problem in check.problems {
            #expect((1...last).contains(problem.line), "\(name): \(problem)")
            #expect((1...(bytes.count + 1)).contains(problem.column), "\(name): \(problem)")
            #expect(!problem.description.contains("\n"), "\(name): \(problem)")
        }
        if check.errors.isEmpty { accepted += 1 } else { refused += 1 }
        let runsAll = !check.problems.contains { $0.code == .notRunYetWarning }
        if let workflow = check.workflow, runsAll {
            let reading = Definition.read(canonical: try JSONValue.parse(workflow.canonical))
            #expect(reading.definition == workflow.definition, "\(name)")
        } else if runsAll {
            #expect(!check.errors.isEmpty, "\(name): refused without a reason")
        }
        if let tree = check.tree {
            let graph = WorkflowGraph(tree)
            #expect(graph.mermaid().hasPrefix("stateDiagram-v2\n"), "\(name)")
            let canonical = tree.serialized()
            let again = (try? JSONValue.parse(canonical)).map { Definition.canonicalText(of: $0) }
            #expect(again == canonical, "\(name)")
        }
        return time
    }
}

/// Seeded, so that a failure can be seen again.
private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}

private struct Mutator {
    /// Bytes that mean something to YAML, to expressions, or to nobody.
    private static let bytes = Array("\0\t\n\r \"#$%&'()*+,-./0:;<=>?@[]{}|~az_".utf8) + [0x80, 0xC3, 0xFF]
    private static let words = [
        "call", "undo", "await", "reconcile", "save", "next", "end", "deadline", "signals", "moved", "limits", "body",
        "show", "retry", "catch", "choose", "when", "pause", "until", "secret", "verify", "data", "input", "states",
        "items", "where", "none", "true", "[]", "{}", "null", "1", "'${data.x}'", "${secrets.master}", "run", "any",
    ]

    private var random: SplitMix

    init(seed: UInt64) { random = SplitMix(state: seed) }

    mutating func mutate(_ original: [UInt8]) -> [UInt8] {
        var bytes = original
        for _ in 0..<Int.random(in: 1...3, using: &random) {
            let place = Int.random(in: 0..<max(1, bytes.count), using: &random)
            switch Int.random(in: 0..<9, using: &random) {
            case 0 where place < bytes.count: bytes[place] = Self.bytes.randomElement(using: &random) ?? 0
            case 1: bytes.insert(Self.bytes.randomElement(using: &random) ?? 0, at: min(place, bytes.count))
            case 2 where place < bytes.count: bytes.remove(at: place)
            case 3: changeLines(&bytes) { lines, index, _ in lines.remove(at: index) }
            case 4: changeLines(&bytes) { lines, index, other in lines.insert(lines[index], at: other) }
            case 5: changeLines(&bytes) { lines, index, other in lines.swapAt(index, other) }
            default: changeWord(&bytes)
            }
        }
        return bytes
    }

    private mutating func changeLines(
        _ bytes: inout [UInt8], _ change: (inout [ArraySlice<UInt8>], Int, Int) -> Void
    ) {
        var lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        let index = Int.random(in: lines.indices, using: &random)
        change(&lines, index, Int.random(in: lines.indices, using: &random))
        bytes = Array(lines.joined(separator: [UInt8(ascii: "\n")]))
    }

    /// Puts another word in the place of a key, a name or a value: a keyword, or a word of the same file.
    private mutating func changeWord(_ bytes: inout [UInt8]) {
        let words = Self.ranges(ofWordsIn: bytes)
        guard let range = words.randomElement(using: &random), let other = words.randomElement(using: &random) else {
            return
        }
        let own = Array(bytes[other])
        let word = Bool.random(using: &random) ? own : Array((Self.words.randomElement(using: &random) ?? "").utf8)
        bytes.replaceSubrange(range, with: word)
    }

    private static func ranges(ofWordsIn bytes: [UInt8]) -> [Range<Int>] {
        var ranges: [Range<Int>] = []
        var start: Int?
        for (index, byte) in bytes.enumerated() {
            let isWord = UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte || byte == UInt8(ascii: "_")
            if isWord, start == nil { start = index }
            if !isWord, let first = start {
                ranges.append(first..<index)
                start = nil
            }
        }
        return ranges
    }
}
