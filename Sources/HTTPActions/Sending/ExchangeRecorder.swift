import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import Synchronization

/// Watches one request on its way, and gathers the answer within the limits.
///
/// The recorder must run on the event loop of the connection. On another loop, a deadline or a cancellation could
/// overtake the news that the head was written, and a request that was sent would count as not sent.
final class ExchangeRecorder: HTTPClientResponseDelegate {
    typealias Response = Void

    enum LimitError: Error, Equatable {
        case head(Int)
        case body(Int)
    }

    struct Record: Sendable {
        /// nil when no byte of the request was written.
        var headSentAt: ContinuousClock.Instant?
        var headReceivedAt: ContinuousClock.Instant?
        /// Our wall clock, when the head came.
        var headReceivedTime: Int64?
        var status: Int?
        var headers: [(name: String, value: String)] = []
        var body: [UInt8] = []
    }

    private let headLimit: Int
    private let bodyLimit: Int
    private let phaseReached: (@Sendable (ExchangePhase) -> Void)?
    private let state = Mutex(Record())

    init(headLimit: Int, bodyLimit: Int, phaseReached: (@Sendable (ExchangePhase) -> Void)? = nil) {
        self.phaseReached = phaseReached
        self.headLimit = headLimit
        self.bodyLimit = bodyLimit
    }

    var record: Record { state.withLock { $0 } }

    func didSendRequestHead(task: HTTPClient.Task<Void>, _ head: HTTPRequestHead) {
        let now = ContinuousClock.now
        state.withLock { $0.headSentAt = now }
    }

    func didSendRequest(task: HTTPClient.Task<Void>) {
        guard let phaseReached else { return }
        // A request without a body is reported before its new connection is flushed, in the same turn of the loop.
        task.eventLoop.execute { phaseReached(.sent) }
    }

    func didReceiveHead(task: HTTPClient.Task<Void>, _ head: HTTPResponseHead) -> EventLoopFuture<Void> {
        phaseReached?(.headReceived)
        let now = ContinuousClock.now
        let size = head.headers.reduce(head.status.reasonPhrase.utf8.count + 16) {
            $0 + $1.name.utf8.count + $1.value.utf8.count + 4
        }
        state.withLock { record in
            record.headReceivedAt = now
            record.headReceivedTime = HTTPDate.now()
            record.status = Int(head.status.code)
            if size <= headLimit { record.headers = head.headers.map { ($0.name.lowercased(), $0.value) } }
        }
        if size > headLimit { return task.eventLoop.makeFailedFuture(LimitError.head(headLimit)) }
        return task.eventLoop.makeSucceededVoidFuture()
    }

    func didReceiveBodyPart(task: HTTPClient.Task<Void>, _ buffer: ByteBuffer) -> EventLoopFuture<Void> {
        if record.body.isEmpty { phaseReached?(.bodyBegan) }
        let isWithinLimit = state.withLock { record in
            guard record.body.count + buffer.readableBytes <= bodyLimit else { return false }
            record.body.append(contentsOf: buffer.readableBytesView)
            return true
        }
        if !isWithinLimit { return task.eventLoop.makeFailedFuture(LimitError.body(bodyLimit)) }
        return task.eventLoop.makeSucceededVoidFuture()
    }

    func didFinishRequest(task: HTTPClient.Task<Void>) throws {}
}
