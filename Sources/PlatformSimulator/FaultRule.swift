/// Which requests something is about. A part left out matches everything.
public struct RequestMatch: Sendable, Hashable, Codable {
    public var method: String?
    /// The path without its query; a `*` stands for one segment, and at the end for all that follow.
    public var path: String?
    public var organisation: String?

    public init(method: String? = nil, path: String? = nil, organisation: String? = nil) {
        self.method = method
        self.path = path
        self.organisation = organisation
    }

    private enum CodingKeys: String, CodingKey, CaseIterable {
        case method
        case path
        case organisation
    }

    public init(from decoder: any Decoder) throws {
        try decoder.refuseKeys(beyond: CodingKeys.self)
        try self.init(among: decoder)
    }

    /// Reads the parts from an order that has keys of its own beside them.
    init(among decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        method = try container.decodeIfPresent(String.self, forKey: .method)
        path = try container.decodeIfPresent(String.self, forKey: .path)
        organisation = try container.decodeIfPresent(String.self, forKey: .organisation)
    }

    func matches(method: String, path: String, organisation: String?) -> Bool {
        if let wanted = self.method, wanted.uppercased() != method { return false }
        if let wanted = self.organisation, wanted != organisation { return false }
        guard let pattern = self.path, pattern != path else { return true }
        let wanted = pattern.split(separator: "/", omittingEmptySubsequences: false)
        let given = path.split(separator: "/", omittingEmptySubsequences: false)
        guard wanted.count == given.count || (wanted.last == "*" && given.count > wanted.count) else { return false }
        return zip(wanted, given).allSatisfy { $0 == "*" || $0 == $1 }
    }
}

/// An effect and the requests it befalls.
public struct FaultRule: Sendable, Hashable {
    /// Which of the matching requests are hit.
    public enum Trigger: Sendable, Hashable {
        case always
        /// The n-th match only, counted from 1.
        case nth(Int)
        /// Every n-th match.
        case every(Int)
        /// The first n matches.
        case untilCount(Int)
        /// Each match with this probability, drawn from the seed, the rule, the organisation and the organisation's
        /// own count of matches, so that the order of arrival between organisations changes nothing.
        case probability(Double)
        /// Every match of this share of the organisations, drawn once for each: it goes wrong for these alone, and always.
        case organisations(Double)
    }

    public var name: String
    public var match: RequestMatch
    public var trigger: Trigger
    public var effect: Effect

    /// `name` is what the ledger shows when the rule fires; the effect's name when left out.
    public init(name: String? = nil, match: RequestMatch = RequestMatch(), trigger: Trigger = .always, effect: Effect) {
        self.name = name ?? effect.action.name
        self.match = match
        self.trigger = trigger
        self.effect = effect
    }
}

extension FaultRule: Codable {
    private enum Key: String, CodingKey, CaseIterable {
        case name
        case match
        case nth
        case every
        case untilCount
        case probability
        case organisations
        case effect
    }

    public init(from decoder: any Decoder) throws {
        try decoder.refuseKeys(beyond: Key.self)
        let container = try decoder.container(keyedBy: Key.self)
        let effect = try container.decode(Effect.self, forKey: .effect)
        var triggers: [Trigger] = []
        if let count = try container.decodeIfPresent(Int.self, forKey: .nth) { triggers.append(.nth(count)) }
        if let count = try container.decodeIfPresent(Int.self, forKey: .every) {
            triggers.append(.every(max(1, count)))
        }
        if let count = try container.decodeIfPresent(Int.self, forKey: .untilCount) {
            triggers.append(.untilCount(count))
        }
        if let share = try container.decodeIfPresent(Double.self, forKey: .probability) {
            triggers.append(.probability(share))
        }
        if let share = try container.decodeIfPresent(Double.self, forKey: .organisations) {
            triggers.append(.organisations(share))
        }
        guard triggers.count <= 1 else {
            throw container.complaint(
                .effect, "a rule takes one of nth, every, untilCount, probability and organisations")
        }
        self.init(
            name: try container.decodeIfPresent(String.self, forKey: .name),
            match: try container.decodeIfPresent(RequestMatch.self, forKey: .match) ?? RequestMatch(),
            trigger: triggers.first ?? .always, effect: effect)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(name, forKey: .name)
        try container.encode(match, forKey: .match)
        try container.encode(effect, forKey: .effect)
        switch trigger {
        case .always: break
        case .nth(let count): try container.encode(count, forKey: .nth)
        case .every(let count): try container.encode(count, forKey: .every)
        case .untilCount(let count): try container.encode(count, forKey: .untilCount)
        case .probability(let share): try container.encode(share, forKey: .probability)
        case .organisations(let share): try container.encode(share, forKey: .organisations)
        }
    }
}
