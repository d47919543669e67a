/// A small, fast generator with a fixed algorithm, so that a seed gives the same run on every machine.
public struct SplitMix64: RandomNumberGenerator, Sendable {
    private var state: UInt64

    public init(seed: UInt64) {
        state = seed
    }

    /// A generator of its own for one labelled decision. Decisions are drawn from the seed and the thing they are
    /// about (an organisation, an ordinal), never from the order in which requests happen to arrive.
    public init(seed: UInt64, about labels: String..., ordinal: Int = 0) {
        var hash = FowlerNollVo()
        for label in labels {
            hash.add(label.utf8)
            hash.add(CollectionOfOne(0xff))
        }
        state = seed ^ hash.value
        state = next() ^ UInt64(bitPattern: Int64(ordinal))
    }

    public mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    /// A number in 0..<1.
    public mutating func unit() -> Double {
        Double(next() >> 11) * 0x1.0p-53
    }

    /// `bytes` random bytes as lower-case hexadecimal digits.
    public mutating func hexadecimal(bytes: Int) -> String {
        var text = ""
        while text.count < bytes * 2 {
            let digits = String(next(), radix: 16)
            text += String(repeating: "0", count: 16 - digits.count) + digits
        }
        return String(text.prefix(bytes * 2))
    }
}

/// FNV-1a with 64 bits: tells bodies and labels apart. It is no cryptographic digest and guards nothing here.
struct FowlerNollVo {
    private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325

    mutating func add(_ bytes: some Sequence<UInt8>) {
        for byte in bytes {
            value = (value ^ UInt64(byte)) &* 0x100_0000_01b3
        }
    }

    static func hexadecimal(of bytes: some Sequence<UInt8>) -> String {
        var hash = FowlerNollVo()
        hash.add(bytes)
        let digits = String(hash.value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
