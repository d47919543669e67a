import Testing
import WorkflowCore

@Suite("JSON is written so that it reads back")
struct JSONWriterTests {
    @Test func `values survive writing and reading, by thousands of random trees`() throws {
        var random = SeededRandom(seed: 1)
        for _ in 0..<4000 {
            let value = random.json(depth: 4)
            let text = value.serialized()
            let back = try JSONValue.parse(text)
            #expect(back == value)
            #expect(back.serialized() == text)
            var bytes: [UInt8] = [0x20]
            value.serialized(into: &bytes)
            #expect(bytes == [0x20] + Array(text.utf8))
        }
    }

    @Test func `damaged text never traps and reads back when it is taken, by random mutations of bytes`() {
        var random = SeededRandom(seed: 2)
        var taken = 0
        var refused = 0
        for _ in 0..<6000 {
            var bytes = Array(random.json(depth: 4).serialized().utf8)
            for _ in 0...random.below(3) where !bytes.isEmpty {
                let place = random.below(bytes.count)
                switch random.below(4) {
                case 0: bytes.remove(at: place)
                case 1: bytes.insert(UInt8(random.below(256)), at: place)
                case 2: bytes.removeLast(bytes.count - place)
                default: bytes[place] = UInt8(random.below(256))
                }
            }
            do {
                let value = try JSONValue.parse(bytes)
                #expect(try JSONValue.parse(value.serialized()) == value)
                taken += 1
            } catch {
                refused += 1
            }
        }
        #expect(taken > 100)
        #expect(refused > 1000)
    }

    @Test func `the canonical form is equal for equal trees, by reversing the members`() throws {
        let value = try JSONValue.parse(#"{"b":[{"z":1,"a":1.0}],"\uE000":1,"😀":2,"a":null,"":0,"aa":1}"#)
        #expect(
            value.serialized(sorted: true) == #"{"":0,"a":null,"aa":1,"b":[{"a":1.0,"z":1}],"#
                + "\"\u{E000}\":1,\"😀\":2}")
        let reversed = JSONValue.object(JSONObject(distinct: Array(try #require(value.objectValue).members.reversed())))
        #expect(reversed == value)
        #expect(reversed.serialized(sorted: true) == value.serialized(sorted: true))
        #expect(reversed.serialized() != value.serialized())
        let alike = JSONValue.object(JSONObject([("é", 1), ("f", 2), ("e\u{301}", 3)]))
        #expect(alike.serialized(sorted: true) == "{\"e\u{301}\":3,\"f\":2,\"é\":1}")
    }

    @Test func `controls, quotes and backslashes are escaped, by writing all of them`() {
        #expect(
            JSONValue.string("\"\\\u{8}\t\n\u{C}\r\0\u{1F}\u{7F}/é").serialized() == #""\"\\\b\t\n\f\r\u0000\u001f"#
                + "\u{7F}/é\"")
    }

    @Test func `objects are equal by members, by comparing small and large ones in other orders`() {
        for count in [3, 40] {
            let members = (0..<count).map { ("k\($0)", JSONValue.integer($0)) }
            let object = JSONObject(members)
            #expect(object == JSONObject(members.reversed()))
            #expect(object != JSONObject(members.reversed().map { ($0.0, $0.0 == "k1" ? .null : $0.1) }))
            #expect(object != JSONObject(members.reversed().map { ($0.0 == "k1" ? "other" : $0.0, $0.1) }))
        }
        #expect(JSONValue.string("é") != .string("e\u{301}"))
        #expect(JSONObject([("é", 1)]) != JSONObject([("e\u{301}", 1)]))
    }
}
