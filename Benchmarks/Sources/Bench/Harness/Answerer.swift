import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// A platform that costs next to nothing: it answers a request with bytes that lie ready, `/slow` after a while,
/// `/refuse` and `/hold` with an error, and remembers when which one came.
final class Answerer: Sendable {
    struct Seen {
        var requests = 0
        /// When the last step of a run was asked for.
        var lastSteps: [UInt64] = []
        /// By the end of the path of `/probe/...`: monotonic and wall time of its first byte.
        var probes: [String: (monotonic: UInt64, wall: UInt64)] = [:]
        var waiting: [String: CheckedContinuation<UInt64, Never>] = [:]
    }

    let slowMilliseconds: Int64
    private let seen = Mutex(Seen())
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let channel = Mutex<(any Channel)?>(nil)

    init(slowMilliseconds: Int64) { self.slowMilliseconds = slowMilliseconds }

    /// Listens, and answers the base URL.
    func start() async throws -> String {
        let channel = try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers(
                        ByteToMessageHandler(HTTPRequestDecoder()), AnswerHandler(answerer: self))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        self.channel.withLock { $0 = channel }
        return "http://127.0.0.1:\(channel.localAddress?.port ?? 0)"
    }

    func stop() async throws {
        try await channel.withLock { $0 }?.close()
        try await group.shutdownGracefully()
    }

    var requests: Int { seen.withLock { $0.requests } }
    var lastSteps: [UInt64] { seen.withLock { $0.lastSteps } }
    var probes: [String: (monotonic: UInt64, wall: UInt64)] { seen.withLock { $0.probes } }

    func forget() {
        seen.withLock { seen in
            seen.requests = 0
            seen.lastSteps = []
            seen.lastSteps.reserveCapacity(200_000)
            seen.probes = [:]
        }
    }

    /// When the first byte of a probe came, or will have come.
    func arrival(of name: String) async -> UInt64 {
        await withCheckedContinuation { continuation in
            let known = seen.withLock { seen in
                if let known = seen.probes[name] { return known.monotonic as UInt64? }
                seen.waiting[name] = continuation
                return nil
            }
            if let known { continuation.resume(returning: known) }
        }
    }

    fileprivate func saw(_ path: String) {
        let now = Clock.monotonic
        let waiting = seen.withLock { seen -> CheckedContinuation<UInt64, Never>? in
            seen.requests += 1
            if path.hasPrefix("/last") {
                seen.lastSteps.append(now)
            } else if path.hasPrefix("/probe/") {
                let name = String(path.dropFirst(7))
                seen.probes[name] = (now, Clock.wall)
                return seen.waiting.removeValue(forKey: name)
            }
            return nil
        }
        waiting?.resume(returning: now)
    }
}

private final class AnswerHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = ByteBuffer

    private static let answer = bytes("200 OK")
    private static let refusal = bytes("422 Unprocessable Content")
    private static let conflict = bytes("409 Conflict")

    private static func bytes(_ status: String) -> ByteBuffer {
        ByteBuffer(
            string: "HTTP/1.1 \(status)\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{\"ok\":true}")
    }

    private let answerer: Answerer
    private var answer = AnswerHandler.answer
    private var isSlow = false
    private var keepsAlive = true

    init(answerer: Answerer) { self.answerer = answerer }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            answerer.saw(head.uri)
            isSlow = head.uri.hasPrefix("/slow")
            answer =
                head.uri.hasPrefix("/refuse") ? Self.refusal : head.uri.hasPrefix("/hold") ? Self.conflict : Self.answer
            keepsAlive = head.isKeepAlive
        case .body: break
        case .end:
            guard isSlow else { return reply(context) }
            let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
            context.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(answerer.slowMilliseconds)) {
                [context] in bound.value.reply(context)
            }
        }
    }

    private func reply(_ context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(answer), promise: nil)
        if !keepsAlive { context.close(promise: nil) }
    }

    /// A client that is gone, or speaks no HTTP, is forgotten.
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
