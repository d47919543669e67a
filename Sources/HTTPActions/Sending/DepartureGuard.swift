import AsyncHTTPClient
import NIOCore
import NIOHTTP1

/// Stands between the client and a connection's encoder, and stops requests whose time for leaving is over.
///
/// A connection on which a request was stopped writes nothing more, and closes.
final class DepartureGuard: ChannelOutboundHandler {
    typealias OutboundIn = HTTPClientRequestPart
    typealias OutboundOut = HTTPClientRequestPart

    private let departures: Departures
    private var isShut = false

    init(_ departures: Departures) { self.departures = departures }

    /// Puts one in front of the client's handler; on the connection's event loop, before its first request.
    static func add(to channel: any Channel, _ departures: Departures) throws {
        let pipeline = channel.pipeline.syncOperations
        let decoder = try pipeline.handler(type: ByteToMessageHandler<HTTPResponseDecoder>.self)
        try pipeline.addHandler(DepartureGuard(departures), position: .after(decoder))
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard !isShut, case .head(var head) = unwrapOutboundIn(data) else {
            if isShut { promise?.fail(HTTPClientError.deadlineExceeded) } else { context.write(data, promise: promise) }
            return
        }
        // Ours is the last one: a definition may name a header like it.
        var values = head.headers[Departures.header]
        let id = values.popLast().flatMap { UInt64($0) }
        head.headers.remove(name: Departures.header)
        for value in values { head.headers.add(name: Departures.header, value: value) }
        if let id, departures.mayLeave(id) {
            context.write(wrapOutboundOut(.head(head)), promise: promise)
            return
        }
        isShut = true
        promise?.fail(HTTPClientError.deadlineExceeded)
        // In a later turn of the event loop, because the client is in the middle of writing.
        let loopBound = NIOLoopBound(context, eventLoop: context.eventLoop)
        context.eventLoop.execute {
            loopBound.value.fireErrorCaught(HTTPClientError.deadlineExceeded)
            loopBound.value.close(promise: nil)
        }
    }
}
