// The bodies that the control port reads.

/// An array, or a single element without its brackets.
struct OneOrMore<Element: Decodable & Sendable>: Decodable, Sendable {
    let elements: [Element]

    init(from decoder: any Decoder) throws {
        if var list = try? decoder.unkeyedContainer() {
            var elements: [Element] = []
            while !list.isAtEnd { elements.append(try list.decode(Element.self)) }
            self.elements = elements
        } else {
            elements = [try Element(from: decoder)]
        }
    }
}

struct OutageOrder: Codable, Sendable {
    var refuse: Bool?
    var tokenUnavailable: Bool?
}

extension OutageOrder {
    private enum CodingKeys: String, CodingKey, CaseIterable {
        case refuse
        case tokenUnavailable
    }

    init(from decoder: any Decoder) throws {
        try decoder.refuseKeys(beyond: CodingKeys.self)
        let container = try decoder.container(keyedBy: CodingKeys.self)
        refuse = try container.decodeIfPresent(Bool.self, forKey: .refuse)
        tokenUnavailable = try container.decodeIfPresent(Bool.self, forKey: .tokenUnavailable)
    }
}

struct WaitOrder: Decodable, Sendable {
    let match: RequestMatch
    let phase: Phase?
    let count: Int?
    let timeoutMilliseconds: Int?

    private enum CodingKeys: String, CodingKey, CaseIterable {
        case method
        case path
        case organisation
        case phase
        case count
        case timeoutMilliseconds
    }

    init(from decoder: any Decoder) throws {
        try decoder.refuseKeys(beyond: CodingKeys.self)
        let container = try decoder.container(keyedBy: CodingKeys.self)
        match = try RequestMatch(among: decoder)
        phase = try container.decodeIfPresent(Phase.self, forKey: .phase)
        count = try container.decodeIfPresent(Int.self, forKey: .count)
        timeoutMilliseconds = try container.decodeIfPresent(Int.self, forKey: .timeoutMilliseconds)
    }
}

struct ReleaseOrder: Decodable, Sendable {
    let match: RequestMatch
    let count: Int?

    private enum CodingKeys: String, CodingKey, CaseIterable {
        case method
        case path
        case organisation
        case count
    }

    init(from decoder: any Decoder) throws {
        try decoder.refuseKeys(beyond: CodingKeys.self)
        let container = try decoder.container(keyedBy: CodingKeys.self)
        match = try RequestMatch(among: decoder)
        count = try container.decodeIfPresent(Int.self, forKey: .count)
    }
}

struct AdvanceOrder: Decodable, Sendable {
    let milliseconds: Int
}

struct ScanOrder: Decodable, Sendable {
    let account: String
}
