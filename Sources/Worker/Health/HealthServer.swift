import Glibc
public import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
public import ServiceLifecycle

/// What a page of the health server says.
public struct HealthPage: Sendable {
    public var isOK: Bool
    public var contentType: String
    public var body: String

    public init(isOK: Bool = true, contentType: String, body: String) {
        self.isOK = isOK
        self.contentType = contentType
        self.body = body
    }
}

/// Answers `GET` for a few pages, on a thread of its own so that no client disturbs the worker.
///
/// One request per connection, a few seconds for each, and a limited number of connections at a time; any more are
/// closed.
public struct HealthServer: Service {
    /// The page at a path; nil when there is none.
    public typealias Pages = @Sendable (_ path: String) async -> HealthPage?

    static let mostConnections = 64
    static let longest: TimeAmount = .seconds(5)

    private let group: MultiThreadedEventLoopGroup
    private let channel: any Channel
    /// Where it listens, with the port that the system chose when 0 was asked for.
    public let address: HealthAddress

    /// Opens the place. A socket that a dead process left behind is replaced; one that answers is not.
    ///
    /// Errors: `HealthAddressError`.
    public static func open(_ address: HealthAddress, logger: Logger, pages: @escaping Pages) async throws
        -> HealthServer
    {
        if case .socket(let path) = address { try removeLeftover(path) }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let count = ConnectionCount()
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 64)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { child in
                child.eventLoop.makeCompletedFuture {
                    guard count.enter(child) else { return }
                    try child.pipeline.syncOperations.configureHTTPServerPipeline(withPipeliningAssistance: false)
                    try child.pipeline.syncOperations.addHandler(HealthHandler(pages: pages))
                }
            }
        do {
            let channel: any Channel
            var opened = address
            switch address {
            case .socket(let path):
                channel = try await bootstrap.bind(unixDomainSocketPath: path).get()
                // Only this account may ask. A umask would hold for the whole process.
                chmod(path, 0o600)
            case .loopback(let host, let port):
                channel = try await bootstrap.bind(host: host, port: port).get()
                opened = .loopback(host: host, port: channel.localAddress?.port ?? port)
            }
            return HealthServer(group: group, channel: channel, address: opened)
        } catch {
            try? await group.shutdownGracefully()
            let reason = (error as? IOError).map { String(cString: strerror($0.errnoCode)) } ?? "\(error)"
            throw HealthAddressError("health cannot be given at \(address): \(reason)")
        }
    }

    /// Answers until the task is cancelled or the service is to end; the socket is gone afterwards.
    public func run() async {
        try? await gracefulShutdown()
        await close()
    }

    public func close() async {
        // This also removes the socket's file. Removing the file again could hit a worker that has just started.
        try? await channel.close()
        try? await group.shutdownGracefully()
    }

    private static func removeLeftover(_ path: String) throws {
        var facts = stat()
        guard lstat(path, &facts) == 0 else { return }
        guard facts.st_mode & S_IFMT == S_IFSOCK else {
            throw HealthAddressError("\(path) is there already and is no socket")
        }
        if answers(path) { throw HealthAddressError("another worker gives its health at \(path)") }
        unlink(path)
    }

    /// Whether somebody listens there; does not wait.
    public static func answers(_ path: String) -> Bool {
        let descriptor = socket(
            AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
        guard descriptor >= 0, path.utf8.count <= HealthAddress.longestPath else { return false }
        defer { Glibc.close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let code = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        // A full queue of connections belongs to somebody who is there.
        return code == 0 || errno == EAGAIN
    }
}

/// How many connections are open; touched on the server's one event loop only.
private final class ConnectionCount: @unchecked Sendable {  // one event loop serves all of them
    private var open = 0

    /// False when the connection is one too many; it is being closed then.
    func enter(_ child: any Channel) -> Bool {
        guard open < HealthServer.mostConnections else {
            child.close(promise: nil)
            return false
        }
        open += 1
        child.closeFuture.whenComplete { _ in self.open -= 1 }
        return true
    }
}

/// Takes one request, answers it, closes.
private final class HealthHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let pages: HealthServer.Pages
    private var head: HTTPRequestHead?
    private var deadline: Scheduled<Void>?

    init(pages: @escaping HealthServer.Pages) { self.pages = pages }

    func handlerAdded(context: ChannelHandlerContext) {
        let channel = context.channel
        // From the first byte to the last: a client that dawdles is not waited for.
        deadline = context.eventLoop.scheduleTask(in: HealthServer.longest) { channel.close(promise: nil) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        deadline?.cancel()
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let received) where head == nil:
            head = received
            guard received.method == .GET || received.method == .HEAD else {
                return answer(context.channel, received, .methodNotAllowed, nil)
            }
            let channel = context.channel
            let path = String(received.uri.prefix { $0 != "?" })
            let answering = channel.eventLoop.makeFutureWithTask { [pages] in await pages(path) }
            let isHead = received.method == .HEAD
            answering.whenComplete { result in
                guard case .success(let page?) = result else {
                    return Self.write(
                        channel, .notFound, HealthPage(contentType: "text/plain", body: "no such page\n"), isHead)
                }
                Self.write(channel, page.isOK ? .ok : .serviceUnavailable, page, isHead)
            }
        default: break  // a body is nobody's business here
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func answer(
        _ channel: any Channel, _ head: HTTPRequestHead, _ status: HTTPResponseStatus, _ page: HealthPage?
    ) {
        Self.write(
            channel, status, page ?? HealthPage(contentType: "text/plain", body: "\(status.reasonPhrase)\n"), false)
    }

    private static func write(_ channel: any Channel, _ status: HTTPResponseStatus, _ page: HealthPage, _ isHead: Bool)
    {
        let headers: HTTPHeaders = [
            "Content-Type": page.contentType, "Content-Length": String(page.body.utf8.count), "Connection": "close",
            "Cache-Control": "no-store",
        ]
        let head = HTTPResponseHead(version: .http1_1, status: status, headers: headers)
        channel.write(HTTPServerResponsePart.head(head), promise: nil)
        if !isHead {
            channel.write(HTTPServerResponsePart.body(.byteBuffer(ByteBuffer(string: page.body))), promise: nil)
        }
        channel.writeAndFlush(HTTPServerResponsePart.end(nil)).whenComplete { _ in channel.close(promise: nil) }
    }
}
