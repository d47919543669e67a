import Glibc

/// An IPv4 or IPv6 address, and what kind of place it leads to.
struct IPAddress: Sendable, Hashable, CustomStringConvertible {
    /// 4 or 16 bytes.
    let bytes: [UInt8]

    init(bytes: [UInt8]) { self.bytes = bytes }

    /// Reads the standard forms only: neither octal digits nor short IPv4 forms, nor zones.
    init?(_ text: String) {
        var four = in_addr()
        var six = in6_addr()
        if inet_pton(AF_INET, text, &four) == 1 {
            bytes = withUnsafeBytes(of: four) { Array($0) }
        } else if inet_pton(AF_INET6, text, &six) == 1 {
            bytes = withUnsafeBytes(of: six) { Array($0) }
        } else {
            return nil
        }
    }

    var isIPv6: Bool { bytes.count == 16 }

    var description: String {
        guard isIPv6 else { return bytes.map { String($0) }.joined(separator: ".") }
        var text = [CChar](repeating: 0, count: 64)
        guard inet_ntop(AF_INET6, bytes, &text, socklen_t(text.count)) != nil else { return "?" }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// An IPv4 address that IPv6 wraps (`::ffff:a.b.c.d`) is that IPv4 address: the kernel connects to it.
    var unwrapped: IPAddress {
        let prefix: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]
        return isIPv6 && bytes.starts(with: prefix) ? IPAddress(bytes: Array(bytes.suffix(4))) : self
    }

    func isIn(_ network: IPNetwork) -> Bool { network.contains(self) }
}

/// An address with the number of leading bits that count.
struct IPNetwork: Sendable, Hashable {
    let address: IPAddress
    let length: Int

    init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2, let address = IPAddress(String(parts[0])) else { return nil }
        let bits = address.bytes.count * 8
        guard parts.count == 2 else {
            self.init(address, bits)
            return
        }
        guard parts[1].allSatisfy({ $0.isASCII && $0.isNumber }), let length = Int(parts[1]), length <= bits else {
            return nil
        }
        self.init(address, length)
    }

    init(_ address: IPAddress, _ length: Int) {
        self.address = address
        self.length = length
    }

    func contains(_ other: IPAddress) -> Bool {
        guard other.bytes.count == address.bytes.count else { return false }
        for index in 0..<length where (other.bit(index)) != address.bit(index) { return false }
        return true
    }

    func contains(_ other: IPNetwork) -> Bool { other.length >= length && contains(other.address) }
}

extension IPAddress {
    fileprivate func bit(_ index: Int) -> UInt8 { bytes[index / 8] >> UInt8(7 - index % 8) & 1 }

    /// What an address leads to, by the registries of special addresses (RFC 6890 and its successors).
    enum Kind: String, Sendable {
        case `public`, loopback, `private`
        case linkLocal = "link-local"
        case shared = "shared (carrier NAT)"
        case multicast, unspecified
        case metadata = "cloud metadata"
        case reserved
    }

    private static func networks(_ texts: String...) -> [IPNetwork] { texts.compactMap(IPNetwork.init) }

    /// Services that hand out the machine's own credentials; some lie in public space.
    static let metadata = networks(
        "169.254.169.254", "169.254.170.2", "168.63.129.16", "100.100.100.200", "192.0.0.192", "fd00:ec2::254")

    private static let special: [(kind: Kind, networks: [IPNetwork])] = [
        (.metadata, metadata),
        (.unspecified, networks("0.0.0.0/8", "::/128")),
        (.loopback, networks("127.0.0.0/8", "::1/128")),
        (.private, networks("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")),
        (.linkLocal, networks("169.254.0.0/16", "fe80::/10")),
        (.shared, networks("100.64.0.0/10")),
        (.multicast, networks("224.0.0.0/4", "ff00::/8")),
        (
            .reserved,
            networks(
                "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
                "240.0.0.0/4", "2001::/23", "2001:db8::/32", "3fff::/20")
        ),
    ]

    private static let globalUnicast = networks("2000::/3")
    /// Prefixes behind which the next 32 bits are an IPv4 address that a gateway connects to.
    private static let gateways: [(IPNetwork, offset: Int)] = [("64:ff9b::/96", 12), ("2002::/16", 2)].compactMap {
        text, offset in IPNetwork(text).map { ($0, offset) }
    }

    var kind: Kind {
        let address = unwrapped
        for (network, offset) in Self.gateways where network.contains(address) {
            let inner = IPAddress(bytes: Array(address.bytes[offset..<(offset + 4)]))
            return inner.kind == .public ? .public : .reserved
        }
        for (kind, networks) in Self.special where networks.contains(where: { $0.contains(address) }) { return kind }
        if address.isIPv6 { return Self.globalUnicast.contains { $0.contains(address) } ? .public : .reserved }
        return .public
    }
}
