import Foundation

/// How often a register lies. Each share is drawn from the seed and from what the lie is about: the same seed tells the
/// same lies about the same client, in whatever order the requests come.
public struct RegisterLies: Sendable, Hashable {
    /// Of lists: an answer that does not know what is younger than `staleMilliseconds`.
    public var staleLists = 0.0
    public var staleMilliseconds = 20_000
    /// Of lists: everything is listed, whatever was asked for.
    public var unfilteredLists = 0.0
    /// Of lists: also those whose external id only contains what was asked for.
    public var fuzzyLists = 0.0
    /// Of external ids: somebody else has a client of that name before it is first asked for.
    public var namesakes = 0.0
    /// Of creates: the answer is another client, one that is there already.
    public var othersAnswers = 0.0
    /// Of clients: a delete answers 204, and the client stays.
    public var keptDeletes = 0.0

    public init() {}
}

extension RegisterLies: Codable {
    private enum CodingKeys: String, CodingKey, CaseIterable {
        case staleLists
        case staleMilliseconds
        case unfilteredLists
        case fuzzyLists
        case namesakes
        case othersAnswers
        case keptDeletes
    }

    /// Names left out keep their default; unknown names are an error.
    public init(from decoder: any Decoder) throws {
        self.init()
        try decoder.refuseKeys(beyond: CodingKeys.self)
        let container = try decoder.container(keyedBy: CodingKeys.self)
        func take(_ key: CodingKeys, _ target: inout Double) throws {
            guard let share = try container.decodeIfPresent(Double.self, forKey: key) else { return }
            guard (0...1).contains(share) else {
                throw container.complaint(key, "'\(key.stringValue)' is a share, 0 to 1")
            }
            target = share
        }
        try take(.staleLists, &staleLists)
        try take(.unfilteredLists, &unfilteredLists)
        try take(.fuzzyLists, &fuzzyLists)
        try take(.namesakes, &namesakes)
        try take(.othersAnswers, &othersAnswers)
        try take(.keptDeletes, &keptDeletes)
        if container.contains(.staleMilliseconds) {
            staleMilliseconds = try container.decodeNonNegative(.staleMilliseconds)
        }
    }
}

extension PlatformState {
    /// Whether the platform lies this time. `subject` is what about; a lie is drawn anew for each of its occasions.
    mutating func lies(_ share: Double, _ lie: String, about subject: String) -> Bool {
        guard share > 0 else { return false }
        let place = lie + "\n" + subject
        lieOccasions[place, default: 0] += 1
        var chance = SplitMix64(seed: seed, about: "lie", lie, subject, ordinal: lieOccasions[place, default: 0])
        let isLie = chance.unit() < share
        if isLie { liesTold[lie, default: 0] += 1 }
        return isLie
    }

    /// The first time that somebody asks for a name, a stranger may have had it before. A random id is no name that two
    /// people would choose.
    mutating func plantNamesake(_ externalId: String, _ lies: RegisterLies, at now: Int) {
        guard lies.namesakes > 0, UUID(uuidString: externalId) == nil, namesAskedFor.insert(externalId).inserted,
            self.lies(lies.namesakes, "namesake", about: externalId)
        else { return }
        // Older than any delay of the list.
        _ = insert(into: "stranger \(externalId)", externalId: externalId, isDead: false, at: now - 86_400_000)
    }
}
