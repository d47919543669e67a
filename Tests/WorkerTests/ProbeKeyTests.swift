import Testing
import WorkflowCore

@testable import Worker

/// A made-up key looks like the real one, and is nobody's.
@Suite struct ProbeKeyTests {
    @Test(arguments: [
        "k7Qm2ZpX94LtRw0aBc3d", "0123456789abcdef0123456789abcdef", "sk_live_4eC39HqLyjWDarjtT1zdp7dc",
        "550e8400-e29b-41d4-a716-446655440000", "12345678901234567890123",
    ])
    func `it has the same length, and in each place a character of the same kind`(_ key: String) throws {
        var random = SystemRandomNumberGenerator()
        let made = try #require(ProbeKey.madeUp(like: Secret(key), using: &random)).revealText()
        #expect(made != key && made.count == key.count)
        let isHex = key.allSatisfy { $0.isHexDigit || $0 == "-" } && key.contains(where: \.isLetter)
        for (one, other) in zip(key, made) {
            if !one.isLetter, !one.isNumber {
                #expect(one == other)
            } else if isHex {
                #expect(other.isHexDigit && !other.isUppercase)
            } else {
                #expect(one.isNumber == other.isNumber && one.isUppercase == other.isUppercase)
            }
        }
    }

    @Test(arguments: ["123456", "pin-4711", "abcdef0123", "", "--------------------------------"])
    func `of one that is so short that a guess may be somebody's, none is made up`(_ key: String) {
        var random = SystemRandomNumberGenerator()
        #expect(ProbeKey.madeUp(like: Secret(key), using: &random) == nil)
    }
}
