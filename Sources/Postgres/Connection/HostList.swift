import CLibpq

/// The hosts of one connection attempt. libpq goes on to the next host when one refuses, but waits without end for one
/// that is silent, because its own `connect_timeout` does not apply to connecting without blocking.
struct HostList {
    private var hosts: [String] = []
    private var addresses: [String] = []
    private var ports: [String] = []
    private var current = 0

    init(_ handle: OpaquePointer?) {
        guard let options = PQconninfo(handle) else { return }
        defer { PQconninfoFree(options) }
        var option = options
        while let keyword = option.pointee.keyword {
            if let value = option.pointee.val {
                let parts = String(cString: value).split(separator: ",", omittingEmptySubsequences: false)
                switch String(cString: keyword) {
                case "host": hosts = parts.map(String.init)
                case "hostaddr": addresses = parts.map(String.init)
                case "port": ports = parts.map(String.init)
                default: break
                }
            }
            option += 1
        }
    }

    private var count: Int { max(hosts.count, addresses.count, 1) }

    /// Hosts not yet tried, the current one included.
    var left: Int { count - current }

    /// Notes the host libpq is busy with; true when that is another one than before.
    mutating func follow(_ handle: OpaquePointer?) -> Bool {
        let host = PQhost(handle).map { String(cString: $0) } ?? ""
        let port = PQport(handle).map { String(cString: $0) } ?? ""
        let names = hosts.isEmpty ? addresses : hosts
        let found = names.indices.first { index in
            index >= current && names[index] == host && (ports.count != names.count || ports[index] == port)
        }
        guard let found, found != current else { return false }
        current = found
        return true
    }

    /// Keywords for trying again without the current host and those before it; nil when it was the last.
    var withoutCurrent: [(keyword: String, value: String)]? {
        guard left > 1 else { return nil }
        let lists = [("host", hosts), ("hostaddr", addresses), ("port", ports)]
        return lists.compactMap { keyword, values in
            values.count > 1 ? (keyword: keyword, value: values.dropFirst(current + 1).joined(separator: ",")) : nil
        }
    }
}
