/// An address, or a kind of address, that the installation lets a service lead to.
///
/// `public`, `loopback` and `private` are words; everything else is a network such as `10.1.0.0/16`, or one address.
/// Only a rule that lies within a link-local network opens that network, and only a rule that names the very address of
/// a cloud's metadata service opens that service: a wide rule is never meant for those.
public struct AddressRule: Sendable, Hashable, CustomStringConvertible {
    private enum Content: Hashable {
        case word(String)
        case network(IPNetwork)
    }

    private let content: Content
    /// As it was written.
    public let description: String

    public static let `public` = AddressRule(word: "public")
    public static let loopback = AddressRule(word: "loopback")
    public static let `private` = AddressRule(word: "private")

    private init(word: String) { self.init(content: .word(word), description: word) }

    private init(content: Content, description: String) {
        self.content = content
        self.description = description
    }

    /// nil when the text is neither one of the words nor a network.
    public init?(_ text: String) {
        if ["public", "loopback", "private"].contains(text) {
            self.init(word: text)
        } else if let network = IPNetwork(text) {
            self.init(content: .network(network), description: text)
        } else {
            return nil
        }
    }

    /// Whether the rule was written for addresses that are not public at large; only such a rule allows plain HTTP.
    var isExplicit: Bool { self != .public }

    func allows(_ address: IPAddress) -> Bool {
        let address = address.unwrapped
        let kind = address.kind
        switch content {
        case .word(let word): return kind.rawValue == word
        case .network(let network):
            guard network.contains(address) else { return false }
            switch kind {
            case .multicast, .unspecified: return false
            case .metadata: return network.length == address.bytes.count * 8
            case .linkLocal: return network.length >= (address.isIPv6 ? 10 : 16)
            case .public, .loopback, .private, .shared, .reserved: return true
            }
        }
    }
}

/// Decides about the addresses that a name led to.
struct AddressCheck: Sendable {
    let rules: [AddressRule]
    let isPlain: Bool

    /// No rules means public addresses only.
    init(rules: [AddressRule], isPlain: Bool) {
        self.rules = rules.isEmpty ? [.public] : rules
        self.isPlain = isPlain
    }

    /// Why an address may not be used; nil when it may.
    func problem(with address: IPAddress) -> String? {
        let matching = rules.filter { $0.allows(address) }
        if matching.isEmpty {
            let list = rules.map(\.description).joined(separator: ", ")
            return "\(address) is a \(address.kind.rawValue) address, and the service may reach only: \(list)"
        }
        if isPlain, !matching.contains(where: \.isExplicit) {
            return "plain http is refused to the public address \(address); use https, or allow the address by itself"
        }
        return nil
    }
}
