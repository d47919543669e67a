import Logging

/// Opens and closes the platform port as the behaviour and the clock ask, one change after the other.
struct OutageSupervisor: Sendable {
    /// A reason to look again; the reply comes when the port is as the behaviour wants it.
    struct Order: Sendable {
        let reply: CheckedContinuation<Void, Never>?
    }

    let core: SimulatorCore
    let port: PlatformPort
    let logger: Logger
    private let orders: AsyncStream<Order>
    private let send: AsyncStream<Order>.Continuation

    init(core: SimulatorCore, port: PlatformPort, logger: Logger) {
        self.core = core
        self.port = port
        self.logger = logger
        (orders, send) = AsyncStream.makeStream(of: Order.self)
    }

    /// Returns once the platform port is in the wanted state, or at once when the supervisor has ended.
    func settle() async {
        await withCheckedContinuation { reply in
            if case .terminated = send.yield(Order(reply: reply)) { reply.resume() }
        }
    }

    func finish() {
        send.finish()
    }

    /// Runs until `finish()`.
    func run() async {
        var timer: Task<Void, any Error>?
        for await order in orders {
            timer?.cancel()
            await follow()
            timer = nextBoundary.map { milliseconds in
                Task {
                    try await Task.sleep(for: .milliseconds(milliseconds))
                    send.yield(Order(reply: nil))
                }
            }
            order.reply?.resume()
        }
        timer?.cancel()
        await port.close()
    }

    private var nextBoundary: Int? {
        let elapsed = core.clock.elapsedMilliseconds
        return core.behaviour.nextBoundary(afterElapsed: elapsed).map { $0 - elapsed }
    }

    private func follow() async {
        if core.behaviour.refuses(atElapsed: core.clock.elapsedMilliseconds) {
            if await port.isOpen { logger.info("The platform port refuses connections") }
            await port.close()
            return
        }
        do {
            try await port.open()
        } catch {
            logger.error("The platform port could not be opened again", metadata: ["reason": "\(error)"])
        }
    }
}
