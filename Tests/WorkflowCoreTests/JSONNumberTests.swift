import Testing
import WorkflowCore

@Suite("JSON numbers stay exact")
struct JSONNumberTests {
    @Test(arguments: [
        "0", "-0", "1", "10", "1.0", "0.5", "1e2", "1E+2", "1e-2", "-1.5e10", "123456789012345678901234567890",
        "1e000000000000001",
    ])
    func `the grammar of RFC 8259 is taken, by parsing texts at its edges`(_ text: String) throws {
        #expect(try #require(JSONNumber(text: text)).text == text)
    }

    @Test(arguments: [
        "", "-", "+1", "01", "-01", ".5", "1.", "1.e2", "1e", "1e+", "0x1", "1_000", " 1", "1 ", "١", "NaN",
        "Infinity", "1e1234567890", "--1",
    ])
    func `what is no number is refused, by parsing near misses`(_ text: String) {
        #expect(JSONNumber(text: text) == nil)
    }

    @Test(
        arguments: [
            ("1e2", 100), ("1.0", 1), ("-0", 0), ("0e999999999", 0), ("120e-1", 12), ("0.5e1", 5), ("-1.50e1", -15),
            ("9223372036854775807", Int64.max), ("-9223372036854775808", Int64.min),
            ("-922337203685477580.80e1", Int64.min),
        ] as [(String, Int64)])
    func `whole numbers come out as integers however they are written, by comparing with the value`(
        _ text: String, _ value: Int64
    ) throws {
        let number = try #require(JSONNumber(text: text))
        #expect(number.integer == value)
        #expect(number.isWhole)
        #expect(number == JSONNumber(value))
    }

    @Test(arguments: ["0.1", "1e-1", "9223372036854775808", "-9223372036854775809", "1e19", "1e999999999", "1.5e0"])
    func `what is not whole or does not fit is no integer, by reading such numbers`(_ text: String) throws {
        #expect(try #require(JSONNumber(text: text)).integer == nil)
    }

    @Test func `order is exact beyond doubles, by sorting a shuffled list whose order is known`() throws {
        let texts = [
            "-1e999999999", "-12345678901234567891", "-12345678901234567890", "-1.1", "-1", "-1e-9", "0",
            "1e-999999999",
            "0.1", "0.10000000000000000001", "0.2", "1", "1.0000000000000000000000001", "9", "10", "9007199254740992",
            "9007199254740993", "12345678901234567890", "12345678901234567891", "1e400", "1.1e400", "1e999999999",
        ]
        let numbers = try texts.map { try #require(JSONNumber(text: $0)) }
        var random = SeededRandom(seed: 7)
        #expect(numbers.shuffled(using: &random).sorted().map(\.text) == texts)
        for (low, high) in zip(numbers, numbers.dropFirst()) { #expect(low != high && !(high < low)) }
    }

    @Test(arguments: [
        ("1", "1.0"), ("1e2", "100"), ("0", "-0.0e5"), ("1.50", "15e-1"),
        ("1e30", "1000000000000000000000000000000"),
    ])
    func `equality is by value, by comparing different spellings`(_ left: String, _ right: String) throws {
        let (a, b) = (try #require(JSONNumber(text: left)), try #require(JSONNumber(text: right)))
        #expect(a == b && !(a < b) && !(b < a))
    }

    @Test func `doubles become JSON unless they are infinite, by making numbers of them`() {
        #expect(JSONNumber(double: 0.1)?.text == "0.1")
        #expect(JSONNumber(double: 1e300)?.double == 1e300)
        #expect(JSONNumber(double: Double.infinity) == nil)
        #expect(JSONNumber(double: Double.nan) == nil)
    }
}
