import WorkflowCore

/// A key that nobody has, for finding out what a platform says to one: of the same length as the real one, with a
/// character of the same kind in each place.
enum ProbeKey {
    /// With fewer bits drawn by chance the key might be somebody's.
    private static let fewestBits = 64

    private static let digits = Array(UInt8(ascii: "0")...UInt8(ascii: "9"))
    private static let lower = Array(UInt8(ascii: "a")...UInt8(ascii: "z"))
    private static let upper = Array(UInt8(ascii: "A")...UInt8(ascii: "Z"))

    /// Nil: the real one is too short.
    static func madeUp(like key: Secret, using random: inout some RandomNumberGenerator) -> Secret? {
        let bytes = key.reveal()
        let letters = bytes.filter { lower.contains($0) || upper.contains($0) }
        // Hexadecimal digits stay such: a platform may look at the form first.
        let isHex =
            !letters.isEmpty && letters.allSatisfy { lower.prefix(6).contains($0) || upper.prefix(6).contains($0) }
        let hex = digits + (letters.contains { upper.contains($0) } ? upper : lower).prefix(6)
        var bits = 0
        let made = bytes.map { byte -> UInt8 in
            let kind = [digits, lower, upper].first { $0.contains(byte) }
            guard let kind, let drawn = (isHex ? hex : kind).randomElement(using: &random) else { return byte }
            bits += isHex || kind != digits ? 4 : 3
            return drawn
        }
        return bits >= fewestBits && made != bytes ? Secret(bytes: made) : nil
    }
}
