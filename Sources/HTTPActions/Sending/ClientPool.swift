import AsyncHTTPClient
import NIOCore
import NIOSSL
import Synchronization

/// HTTP clients, one for each host at one checked address: the client takes its name override for its life.
///
/// Calls that must not be sent twice have clients of their own, whose connections serve one request each: a
/// request never meets a kept connection that the platform is just closing.
final class ClientPool: Sendable {
    private struct Key: Hashable {
        let host: String
        let address: IPAddress
        let isSingleUse: Bool
    }

    private struct Entry {
        let client: HTTPClient
        let departures: Departures
        var users: Int
        /// Counts up with every use; the lowest is the oldest.
        var lastUse: UInt64
    }

    private struct State {
        var entries: [Key: Entry] = [:]
        var uses: UInt64 = 0
        var isShutDown = false
    }

    static let maximumClients = 256

    let group: any EventLoopGroup
    private let configuration: HTTPActionsConfiguration
    private let trustRoots: NIOSSLTrustRoots?
    private let state = Mutex(State())

    init(configuration: HTTPActionsConfiguration) {
        self.configuration = configuration
        group = configuration.eventLoopGroup ?? HTTPClient.defaultEventLoopGroup
        trustRoots = configuration.trustRootsPath.map { .file($0) }
    }

    /// Runs the body with a client that dials the address whenever it is asked for the host; nil after shutdown.
    func withClient<Result>(
        host: String, address: IPAddress, isSingleUse: Bool, _ body: (HTTPClient, Departures) async -> Result
    ) async -> Result? {
        let key = Key(host: host, address: address, isSingleUse: isSingleUse)
        var retired: [HTTPClient] = []
        let found: Entry? = state.withLock { state in
            guard !state.isShutDown else { return nil }
            state.uses += 1
            var entry =
                state.entries[key]
                ?? makeEntry(host: host, address: address, isSingleUse: isSingleUse)
            entry.users += 1
            entry.lastUse = state.uses
            state.entries[key] = entry
            while state.entries.count > Self.maximumClients {
                let idle = state.entries.filter { $0.value.users == 0 }
                guard let oldest = idle.min(by: { $0.value.lastUse < $1.value.lastUse }) else { break }
                state.entries[oldest.key] = nil
                retired.append(oldest.value.client)
            }
            return entry
        }
        for old in retired { old.shutdown { _ in } }
        guard let found else { return nil }
        defer { state.withLock { $0.entries[key]?.users -= 1 } }
        return await body(found.client, found.departures)
    }

    /// Closes all connections; requests under way end as cancelled.
    func shutdown() async throws {
        let clients = state.withLock { state in
            state.isShutDown = true
            defer { state.entries = [:] }
            return state.entries.values.map(\.client)
        }
        for client in clients { try await client.shutdown() }
    }

    private func makeEntry(host: String, address: IPAddress, isSingleUse: Bool) -> Entry {
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.minimumTLSVersion = .tlsv12
        tls.certificateVerification = .fullVerification
        if let trustRoots { tls.trustRoots = trustRoots }
        var settings = HTTPClient.Configuration(
            tlsConfiguration: tls,
            redirectConfiguration: .disallow,
            timeout: .init(connect: .milliseconds(configuration.connectTimeoutMilliseconds)),
            proxy: nil,
            ignoreUncleanSSLShutdown: false,
            decompression: .disabled)
        settings.httpVersion = .http1Only
        settings.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 1024
        settings.connectionPool.retryConnectionEstablishment = false
        // Shorter than servers keep connections open, so that nearly always our side closes first.
        settings.connectionPool.idleTimeout = isSingleUse ? .seconds(1) : .seconds(3)
        if isSingleUse { settings.maximumUsesPerConnection = 1 }
        let departures = Departures()
        let phaseReached = configuration.phaseReached
        // Runs when a connection is made, before any request gets it.
        settings.http1_1ConnectionDebugInitializer = { channel in
            phaseReached?(.connected)
            return channel.eventLoop.makeCompletedFuture {
                try AnswerGuard.add(to: channel)
                try DepartureGuard.add(to: channel, departures)
            }
        }
        if IPAddress(host) == nil { settings.dnsOverride = [host: address.description] }
        // One loop for a client, so that a request's watcher and its connection share it: see ExchangeRecorder.
        let client = HTTPClient(eventLoopGroupProvider: .shared(group.next()), configuration: settings)
        return Entry(client: client, departures: departures, users: 0, lastUse: 0)
    }
}
