import NIOCore
import NIOHTTP1

/// Stands between a connection's decoder and the client, and lets through only heads that the client can read.
///
/// The decoder accepts any number as a status. The client takes every status below 200 for a notice before the answer,
/// finds no answer after it, and ends the process: because of bytes that a platform sent.
final class AnswerGuard: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias InboundOut = HTTPClientResponsePart

    private var isBroken = false

    /// Puts one in front of the client's handler; on the connection's event loop, before its first request.
    static func add(to channel: any Channel) throws {
        let pipeline = channel.pipeline.syncOperations
        let decoder = try pipeline.handler(type: ByteToMessageHandler<HTTPResponseDecoder>.self)
        try pipeline.addHandler(AnswerGuard(), position: .after(decoder))
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isBroken else { return }
        if case .head(let head) = unwrapInboundIn(data), !AnswerError.isStatus(head.status.code) {
            isBroken = true
            // The client ends the request with this, and closes the connection.
            context.fireErrorCaught(AnswerError.status(head.status.code))
            return
        }
        context.fireChannelRead(data)
    }
}

/// Why an answer that reads as HTTP is none.
enum AnswerError: Error, Equatable {
    case status(UInt)

    /// Three digits (RFC 9110, 15). Above 599 a status says nothing that is known, and harms nobody.
    static func isStatus(_ code: UInt) -> Bool { (100...999).contains(code) }

    var text: String {
        switch self {
        case .status(let code): "the answer's status is \(code); a status has three digits, the first from 1 to 9"
        }
    }
}
