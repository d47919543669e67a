import NIOCore
import NIOHTTP1

/// An answer as the bytes that go to the socket. The bytes are put together here, and not by an HTTP encoder, because
/// an encoder would repair or refuse what the faults are about.
struct WireAnswer {
    enum Ending: Sendable {
        case keepOpen
        case close
        case reset
    }

    var head: String
    var body: [UInt8]
    /// How many bytes of head and body are sent; nil sends all.
    var sentBytes: Int?
    var ending: Ending
    var chunkBytes: Int?
    var intervalMilliseconds = 0
    /// Why the client does not get a whole answer, or nil.
    var cutReason: String?

    init(_ reply: Reply, traceId: String, keepAlive: Bool, dateMilliseconds: Int, effects: [Effect]) {
        ending = keepAlive ? .keepOpen : .close
        body = reply.body
        var announced = reply.body.count
        var cutsBody = false
        for effect in effects {
            switch effect.action {
            case .shortContentLength:
                announced = reply.body.count / 2
                ending = .close
                cutReason = "fault: short-content-length"
            case .truncatedBody:
                cutsBody = true
                ending = .close
                cutReason = "fault: truncated-body"
            case .resetMidBody:
                cutsBody = true
                ending = .reset
                cutReason = "fault: reset-mid-body"
            case .trickle(let bytes, let interval):
                chunkBytes = bytes
                intervalMilliseconds = interval
            default: break
            }
        }
        var lines = [
            "HTTP/1.1 \(reply.status) \(HTTPResponseStatus(statusCode: reply.status).reasonPhrase)",
            "Date: \(HTTPDate.text(atMilliseconds: dateMilliseconds))",
            "X-Trace-Id: \(traceId)",
        ]
        // RFC 9110: 204 has no content, and says nothing about its length.
        let hasContent = reply.status != 204
        if hasContent, !reply.headers.keys.contains(where: { $0.lowercased() == "content-type" }) {
            lines.append("Content-Type: \(reply.contentType)")
        }
        lines += reply.headers.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }
        if hasContent { lines.append("Content-Length: \(announced)") }
        if ending != .keepOpen { lines.append("Connection: close") }
        head = lines.joined(separator: "\r\n") + "\r\n\r\n"
        if cutsBody { sentBytes = head.utf8.count + body.count / 2 }
    }

    /// The bytes to send, in the pieces in which to send them.
    var pieces: [ByteBuffer] {
        var whole = ByteBuffer(string: head)
        whole.writeBytes(body)
        if let sentBytes { whole.moveWriterIndex(to: min(sentBytes, whole.writerIndex)) }
        let size = max(1, chunkBytes ?? 64 * 1024)
        var pieces: [ByteBuffer] = []
        while let piece = whole.readSlice(length: min(size, whole.readableBytes)), piece.readableBytes > 0 {
            pieces.append(piece)
        }
        return pieces
    }
}

extension Reply {
    /// The answer that a fault gives in place of the true one, or nil.
    static func substitute(_ effects: [Effect]) -> Reply? {
        for effect in effects {
            switch effect.action {
            case .status(let code, let headers, let body):
                return Reply(status: code, text: body, headers: headers)
            case .redirect(let location):
                return Reply(status: 307, text: "", headers: ["Location": location])
            case .html:
                let page = "<!DOCTYPE html><html><body><h1>Welcome</h1></body></html>"
                return Reply(status: 200, text: page, contentType: "text/html; charset=utf-8")
            default: break
            }
        }
        return nil
    }

    /// The true answer, bent.
    func bent(by effects: [Effect]) -> Reply {
        effects.reduce(self) { reply, effect in
            var bent = reply
            switch effect.action {
            case .malformedJSON: bent.body = Array(reply.body.prefix(reply.body.count * 2 / 3))
            case .missingField(let name): bent = reply.editing { $0[name] = nil }
            case .hugeBody(let bytes):
                bent = reply.editing { $0["padding"] = .text(String(repeating: "x", count: bytes)) }
            default: break
            }
            return bent
        }
    }
}
