/// SplitMix64: the same seed gives the same world, on every machine.
struct Chance {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// 0 ..< bound, without the bias that matters.
    mutating func below(_ bound: Int) -> Int {
        bound <= 1 ? 0 : Int(truncatingIfNeeded: next().multipliedFullWidth(by: UInt64(bound)).high)
    }

    mutating func between(_ low: Int64, _ high: Int64) -> Int64 { low + Int64(below(Int(high - low + 1))) }

    /// True so many times in ten thousand. Draws nothing when it cannot be, so that healed faults are quiet.
    mutating func hits(_ perTenThousand: Int) -> Bool {
        perTenThousand > 0 && below(10_000) < perTenThousand
    }

    mutating func pick<Element>(_ items: [Element]) -> Element { items[below(items.count)] }
}
