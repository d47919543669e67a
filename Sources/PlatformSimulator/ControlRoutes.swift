import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

/// What the control port understands.
struct ControlRoutes: Sendable {
    private weak let simulator: PlatformSimulator?

    init(simulator: PlatformSimulator?) {
        self.simulator = simulator
    }

    var router: Router<BasicRequestContext> {
        let router = Router()
        router.get("health") { _, _ in try answer(health(live())) }
        router.get("ledger") { request, _ in
            let after = request.uri.queryParameters.get("after", as: Int.self) ?? 0
            return try answer(live().ledger(after: after))
        }
        router.get("clients") { _, _ in try answer(live().clients()) }
        router.get("behaviour") { _, _ in try answer(live().behaviour) }
        router.post("behaviour") { request, _ in
            try await refusable {
                let patch = String(decoding: try await bytes(of: request), as: UTF8.self)
                return try await answer(live().updateBehaviour { $0 = try $0.patched(with: patch) })
            }
        }
        router.get("faults") { _, _ in try answer(live().faults()) }
        router.post("faults") { request, _ in
            try await refusable {
                let rules = try await decode(OneOrMore<FaultRule>.self, from: request).elements
                return try answer(["ids": live().addFaults(rules)])
            }
        }
        router.delete("faults") { _, _ in
            try live().removeFaults()
            return try answer(["removed": true])
        }
        router.post("outage") { request, _ in
            try await refusable {
                let order = try await decode(OutageOrder.self, from: request)
                let behaviour = try await live().updateBehaviour { behaviour in
                    behaviour.refuse = order.refuse ?? behaviour.refuse
                    behaviour.tokenUnavailable = order.tokenUnavailable ?? behaviour.tokenUnavailable
                }
                return try answer(
                    OutageOrder(refuse: behaviour.refuse, tokenUnavailable: behaviour.tokenUnavailable))
            }
        }
        addWaiting(to: router)
        return router
    }

    private func addWaiting(to router: Router<BasicRequestContext>) {
        router.post("wait") { request, _ in
            try await refusable {
                let order = try await decode(WaitOrder.self, from: request)
                let reached = try await live().wait(
                    for: order.match, phase: order.phase ?? .received, count: order.count ?? 1,
                    timeoutMilliseconds: order.timeoutMilliseconds ?? 10_000)
                return try answer(["reached": reached], status: reached ? .ok : .requestTimeout)
            }
        }
        router.post("release") { request, _ in
            try await refusable {
                let order = try await decode(ReleaseOrder.self, from: request)
                return try answer(["released": live().release(order.match, atMost: order.count)])
            }
        }
        router.post("advance") { request, _ in
            try await refusable {
                let order = try await decode(AdvanceOrder.self, from: request)
                try await live().advance(milliseconds: order.milliseconds)
                return try answer(["nowMilliseconds": live().nowMilliseconds])
            }
        }
        router.post("scan") { request, _ in
            try await refusable {
                let order = try await decode(ScanOrder.self, from: request)
                let known = try live().scan(account: order.account)
                return try answer(["scanned": known], status: known ? .ok : .notFound)
            }
        }
    }

    private func health(_ simulator: PlatformSimulator) -> [String: JSONField] {
        [
            "status": "ok", "seed": .text(String(simulator.configuration.seed)),
            "startedAtMilliseconds": .integer(simulator.startedAtMilliseconds),
            "nowMilliseconds": .integer(simulator.nowMilliseconds),
            "requests": .integer(simulator.requestCount), "clients": .integer(simulator.clients().count),
            "held": .integer(simulator.heldCount()),
        ]
    }

    private func live() throws -> PlatformSimulator {
        guard let simulator else { throw HTTPError(.serviceUnavailable) }
        return simulator
    }

    private func bytes(of request: Request) async throws -> Data {
        let body = try await Data(request.body.collect(upTo: 1 << 20).readableBytesView)
        return body.isEmpty ? Data("{}".utf8) : body
    }

    private func decode<Order: Decodable>(_ type: Order.Type, from request: Request) async throws -> Order {
        try await JSONDecoder().decode(type, from: bytes(of: request))
    }

    /// Turns a mistake of the client into a 400 with a sentence.
    private func refusable(_ work: () async throws -> Response) async throws -> Response {
        do {
            return try await work()
        } catch let error as DecodingError {
            return try answer(["error": error.sentence], status: .badRequest)
        } catch let error as SimulatorError {
            return try answer(["error": error.description, "code": error.code], status: .badRequest)
        }
    }

    private func answer(_ value: some Encodable, status: HTTPResponse.Status = .ok) throws -> Response {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let buffer = try ByteBuffer(bytes: encoder.encode(value))
        return Response(
            status: status, headers: [.contentType: "application/json"], body: ResponseBody(byteBuffer: buffer))
    }
}
