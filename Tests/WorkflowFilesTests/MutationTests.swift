import Testing
import WorkflowCore
import WorkflowFiles

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

@Suite("Mutations")
struct MutationTests {
    /// Bytes that mean something to YAML, to expressions, or to nobody.
    private static let bytes = Array("\0\t\n\r \"#$%&'()*+,-./0:;<=>?@[]{}|~az_".utf8) + [0x80, 0xC3, 0xFF]

    @Test(
        "any mutilated file is judged with places inside it, by seeded changes of bytes and lines",
        arguments: [1, 2, 3, 4])
    func neverTraps(_ seed: UInt64) throws {
        let original = try Samples.shipped("whatsapp-number")
        var random = SplitMix(state: seed)
        var refused = 0
        var accepted = 0
        for _ in 0..<500 {
            let mutated = Self.mutate(original, &random)
            let lines = mutated.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            let check = WorkflowFile.check(mutated, name: "whatsapp-number.yaml", mode: .publish)
            for problem in check.problems {
                // A lone CR ends a line as well, so lines may outnumber the LFs by the CRs.
                let last = lines.count + mutated.count { $0 == UInt8(ascii: "\r") }
                #expect((1...last).contains(problem.line), "seed \(seed): \(problem)")
                #expect((1...(mutated.count + 1)).contains(problem.column), "seed \(seed): \(problem)")
                #expect(!problem.description.contains("\n"), "seed \(seed): \(problem)")
            }
            if let workflow = check.workflow {
                accepted += 1
                let reading = Definition.read(canonical: try JSONValue.parse(workflow.canonical))
                #expect(reading.definition == workflow.definition, "seed \(seed)")
            } else {
                refused += 1
                #expect(!check.errors.isEmpty, "seed \(seed): refused without a reason")
            }
        }
        // Changes within comments and titles harm nothing; most others do.
        #expect(refused > 100)
        #expect(accepted > 20)
    }

    private static func mutate(_ original: [UInt8], _ random: inout SplitMix) -> [UInt8] {
        var bytes = original
        for _ in 0..<Int.random(in: 1...3, using: &random) {
            let place = Int.random(in: 0..<max(1, bytes.count), using: &random)
            switch Int.random(in: 0..<6, using: &random) {
            case 0 where place < bytes.count: bytes[place] = Self.bytes.randomElement(using: &random) ?? 0
            case 1: bytes.insert(Self.bytes.randomElement(using: &random) ?? 0, at: min(place, bytes.count))
            case 2 where place < bytes.count: bytes.remove(at: place)
            case 3: bytes = changeLines(bytes, &random) { lines, index, _ in lines.remove(at: index) }
            case 4: bytes = changeLines(bytes, &random) { lines, index, other in lines.insert(lines[index], at: other) }
            default: bytes = changeLines(bytes, &random) { lines, index, other in lines.swapAt(index, other) }
            }
        }
        return bytes
    }

    private static func changeLines(
        _ bytes: [UInt8], _ random: inout SplitMix, _ change: (inout [ArraySlice<UInt8>], Int, Int) -> Void
    ) -> [UInt8] {
        var lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        let index = Int.random(in: lines.indices, using: &random)
        change(&lines, index, Int.random(in: lines.indices, using: &random))
        return Array(lines.joined(separator: [UInt8(ascii: "\n")]))
    }
}
