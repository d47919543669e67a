import Foundation
import PlatformSimulator
import Testing

let createPath = "/api/integrations/wpp/create"
let tokenPath = "/auth/token"

/// Calls to one simulator, a new connection for each.
struct Calls: Sendable {
    let port: Int
    var masterSecret = SimulatorConfiguration.defaultMasterSecret

    func send(
        _ method: String, _ path: String, body: String = "", headers: [String: String] = [:], toTheEnd: Bool = false
    ) async throws -> WireReply {
        let client = try await RawClient(port: port)
        try await client.send(method, path, body: body, headers: headers)
        return try await client.read(toTheEnd: toTheEnd)
    }

    func create(
        _ organisation: String, requestId: String? = nil, headers: [String: String] = [:], toTheEnd: Bool = false
    ) async throws -> WireReply {
        var all = headers
        all["Authorization"] = "Bearer \(masterSecret)"
        all["X-Request-Id"] = requestId
        return try await send(
            "POST", createPath, body: #"{"organizationId":"\#(organisation)"}"#, headers: all, toTheEnd: toTheEnd)
    }

    /// Creates a client and returns its key.
    func key(_ organisation: String) async throws -> String {
        try #require(try await create(organisation).field("apiKey"))
    }

    /// Issues a bearer token for a key.
    func bearer(_ key: String) async throws -> String {
        try #require(try await token(key).field("token"))
    }

    func token(_ key: String, toTheEnd: Bool = false) async throws -> WireReply {
        try await send("POST", tokenPath, body: #"{"apiKey":"\#(key)"}"#, toTheEnd: toTheEnd)
    }

    func get(_ path: String, bearer: String) async throws -> WireReply {
        try await send("GET", path, headers: ["Authorization": "Bearer \(bearer)"])
    }

    func post(_ path: String, _ body: String = "", bearer: String = "") async throws -> WireReply {
        try await send("POST", path, body: body, headers: bearer.isEmpty ? [:] : ["Authorization": "Bearer \(bearer)"])
    }
}

/// Runs a test against a simulator of its own.
func simulating(
    _ preset: Preset = .healthy, faults: [FaultRule] = [], seed: UInt64 = 1,
    behaviour: Behaviour? = nil,
    _ body: (PlatformSimulator, Calls, SimulatorPorts) async throws -> Void
) async throws {
    var configuration = SimulatorConfiguration(preset: preset, seed: seed)
    configuration.faults += faults
    if let behaviour { configuration.behaviour = behaviour }
    try await PlatformSimulator.withSimulator(configuration) { simulator, ports in
        try await body(simulator, Calls(port: ports.port), ports)
    }
}

extension PlatformSimulator {
    /// The entry of an exchange, once it is over.
    func ended(_ path: String, count: Int = 1) async throws -> LedgerEntry {
        try #require(await wait(for: RequestMatch(path: path), phase: .ended, count: count))
        return try #require(ledger().filter { $0.path == path }.dropFirst(count - 1).first)
    }
}

extension Behaviour {
    /// A healthy behaviour with some knobs changed.
    static func having(_ change: (inout Behaviour) -> Void) -> Behaviour {
        var behaviour = Behaviour()
        change(&behaviour)
        return behaviour
    }
}
