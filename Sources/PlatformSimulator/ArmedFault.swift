/// A fault rule in force, and how often it has been met.
public struct ArmedFault: Codable, Sendable, Hashable {
    public let id: Int
    public let rule: FaultRule
    /// How many requests matched.
    public private(set) var matched = 0
    /// How many of them were hit.
    public private(set) var fired = 0
    private var matchedByOrganisation: [String: Int] = [:]

    private enum CodingKeys: String, CodingKey {
        case id
        case rule
        case matched
        case fired
    }

    init(id: Int, rule: FaultRule) {
        self.id = id
        self.rule = rule
    }

    /// Counts a request and says whether it is hit.
    mutating func meets(method: String, path: String, organisation: String?, seed: UInt64) -> Bool {
        guard rule.match.matches(method: method, path: path, organisation: organisation) else { return false }
        matched += 1
        let hit: Bool
        switch rule.trigger {
        case .always: hit = true
        case .nth(let count): hit = matched == count
        case .every(let count): hit = matched.isMultiple(of: max(1, count))
        case .untilCount(let count): hit = matched <= count
        case .probability(let share):
            let owner = organisation ?? ""
            let count = matchedByOrganisation[owner, default: 0] + 1
            matchedByOrganisation[owner] = count
            var generator = SplitMix64(seed: seed, about: "fault", rule.name, String(id), owner, ordinal: count)
            hit = generator.unit() < share
        case .organisations(let share):
            var generator = SplitMix64(seed: seed, about: "fault", rule.name, String(id), organisation ?? "")
            hit = generator.unit() < share
        }
        if hit { fired += 1 }
        return hit
    }
}
