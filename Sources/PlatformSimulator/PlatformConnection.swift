import Foundation
import NIOCore
import NIOHTTP1

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// One client connection: reads requests one after the other and answers them, or does what the faults say instead.
struct PlatformConnection: Sendable {
    static let maximumBodyBytes = 1 << 20

    let core: SimulatorCore
    let channel: any Channel

    func serve(_ inbound: NIOAsyncChannelInboundStream<HTTPServerRequestPart>) async throws {
        var parts = inbound.makeAsyncIterator()
        while case .head(let head)? = try await parts.next() {
            var request = PlatformRequest(head, idempotencyHeader: core.behaviour.idempotencyHeader)
            if let exchange = core.receiveHead(request) {
                await leave(exchange, effects: exchange.effects)
                return
            }
            var body: [UInt8] = []
            reading: while let part = try await parts.next() {
                switch part {
                case .head: return
                case .body(let bytes):
                    body += bytes.readableBytesView
                    if body.count > Self.maximumBodyBytes { return }
                case .end: break reading
                }
            }
            request.take(body: body)
            guard await answer(request, keepAlive: head.isKeepAlive) else { return }
        }
    }

    /// Whether the connection may carry another request.
    private func answer(_ request: PlatformRequest, keepAlive: Bool) async -> Bool {
        let exchange = core.receive(request)
        let before = exchange.effects.filter { $0.moment == .before }
        let after = exchange.effects.filter { $0.moment == .after }
        guard await goThrough(before, exchange), await standStill(exchange) else { return false }
        if let milliseconds = before.compactMap(\.lateMilliseconds).max() {
            return await doLater(request, exchange, milliseconds: milliseconds)
        }
        let reply: Reply
        if let substitute = Reply.substitute(before) {
            core.skip(exchange, status: substitute.status)
            reply = substitute
        } else {
            let substitute = Reply.substitute(after)
            let truth = core.perform(request, in: exchange, answering: substitute)
            guard await goThrough(after, exchange) else { return false }
            reply = substitute ?? truth.bent(by: after)
        }
        let date = core.clock.nowMilliseconds + core.behaviour.dateSkewSeconds * 1000
        return await send(
            WireAnswer(
                reply, traceId: exchange.traceId, keepAlive: keepAlive, dateMilliseconds: date, effects: after),
            exchange)
    }

    /// Delays, holds and ends. False when the exchange is over. A client that leaves during a delay or a hold stops
    /// nothing: the platform goes on with its work and only the answer finds nobody.
    private func goThrough(_ effects: [Effect], _ exchange: Exchange) async -> Bool {
        for effect in effects {
            switch effect.action {
            case .delay(let milliseconds):
                do {
                    try await Task.sleep(for: .milliseconds(milliseconds))
                } catch {
                    return giveUp(exchange)
                }
            case .hold:
                channel.closeFuture.whenComplete { _ in core.noteDeparture(from: exchange) }
                guard await core.hold(exchange) else { return giveUp(exchange) }
            case .hang:
                try? await channel.closeFuture.get()
                core.end(exchange, cut: "fault: hang")
                return false
            default: break
            }
        }
        let endings = effects.filter { $0.action == .close || $0.action == .reset }
        guard endings.isEmpty else {
            await leave(exchange, effects: endings)
            return false
        }
        return true
    }

    /// Waits until the platform goes on, if it stands still; its clock may be set forward meanwhile.
    private func standStill(_ exchange: Exchange) async -> Bool {
        for effect in exchange.effects {
            if case .freeze(let milliseconds) = effect.action { core.freeze(milliseconds: milliseconds) }
        }
        do {
            while core.isFrozen { try await Task.sleep(for: .milliseconds(20)) }
            return true
        } catch {
            return giveUp(exchange)
        }
    }

    /// Nobody waits for the answer any more when the work is done.
    private func doLater(_ request: PlatformRequest, _ exchange: Exchange, milliseconds: Int) async -> Bool {
        await close(.close)
        do {
            try await Task.sleep(for: .milliseconds(milliseconds))
        } catch {
            return giveUp(exchange)
        }
        _ = core.perform(request, in: exchange, answering: nil)
        core.end(exchange, cut: "fault: late-effect")
        return false
    }

    private func giveUp(_ exchange: Exchange) -> Bool {
        core.end(exchange, cut: "the platform went down")
        return false
    }

    /// Ends the connection without a byte. The ledger is told afterwards: whoever waits for the end sees it.
    private func leave(_ exchange: Exchange, effects: [Effect]) async {
        let reset = effects.contains { $0.action == .reset }
        await close(reset ? .reset : .close)
        core.end(exchange, cut: reset ? "fault: reset" : "fault: close")
    }

    private func send(_ answer: WireAnswer, _ exchange: Exchange) async -> Bool {
        do {
            for (index, piece) in answer.pieces.enumerated() {
                if index > 0, answer.intervalMilliseconds > 0 {
                    try await Task.sleep(for: .milliseconds(answer.intervalMilliseconds))
                }
                try await channel.writeAndFlush(piece)
            }
        } catch {
            let reason = Task.isCancelled ? "the platform went down" : "the client had left"
            core.end(exchange, cut: reason)
            return false
        }
        if answer.ending != .keepOpen { await close(answer.ending) }
        core.end(exchange, cut: answer.cutReason)
        return answer.ending == .keepOpen
    }

    private func close(_ ending: WireAnswer.Ending) async {
        if ending == .reset, let options = channel as? any SocketOptionProvider {
            // Lingering for zero seconds makes the kernel send RST in place of FIN.
            try? await options.setSoLinger(linger(l_onoff: 1, l_linger: 0)).get()
        }
        try? await channel.close()
    }
}

extension PlatformRequest {
    init(_ head: HTTPRequestHead, idempotencyHeader: String?) {
        let path = head.uri.prefix { $0 != "?" }
        // A query as browsers write it; the library decodes the percent signs.
        let items = URLComponents(string: head.uri)?.queryItems ?? []
        let query = Dictionary(items.map { ($0.name, $0.value ?? "") }) { first, _ in first }
        let authorization = head.headers.first(name: "Authorization")
        let bearer = authorization?.hasPrefix("Bearer ") == true ? authorization?.dropFirst(7) : nil
        self.init(
            method: head.method.rawValue, path: String(path), query: query,
            requestId: head.headers.first(name: "X-Request-Id"),
            bearer: bearer.map(String.init), idempotencyKey: idempotencyHeader.flatMap { head.headers.first(name: $0) })
    }

    mutating func take(body: [UInt8]) {
        self = PlatformRequest(
            method: method, path: path, query: query, requestId: requestId, bearer: bearer,
            idempotencyKey: idempotencyKey, body: body)
    }
}
