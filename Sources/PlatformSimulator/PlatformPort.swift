import NIOCore
import NIOHTTP1
import NIOPosix

/// The listening side of the platform port, which can be closed and opened again on the same number.
actor PlatformPort {
    private typealias Connection = NIOAsyncChannel<HTTPServerRequestPart, ByteBuffer>

    private let core: SimulatorCore
    private let reservation: PortReservation
    private var listener: (any Channel)?
    private var accepting: Task<Void, Never>?

    nonisolated var number: Int { reservation.port }

    init(core: SimulatorCore, reservation: PortReservation) {
        self.core = core
        self.reservation = reservation
    }

    var isOpen: Bool { accepting != nil }

    func open() async throws {
        guard accepting == nil else { return }
        let server: NIOAsyncChannel<Connection, Never>
        do {
            server = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
                .serverChannelOption(.backlog, value: 1024)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
                .bind(to: reservation.address) { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(ByteToMessageHandler(HTTPRequestDecoder()))
                        return try Connection(wrappingChannelSynchronously: channel)
                    }
                }
        } catch let error as IOError where error.errnoCode == PortReservation.addressInUse {
            throw SimulatorError.portInUse(number)
        } catch {
            throw SimulatorError.cannotListen(port: number, reason: "\(error)")
        }
        listener = server.channel
        accepting = Task { [core] in await Self.accept(server, core: core) }
    }

    /// Stops listening and cuts every open connection; returns when both are done.
    func close() async {
        // Closing the channel, rather than cancelling the task, lets the loop see every accepted connection.
        try? await listener?.close()
        await accepting?.value
        listener = nil
        accepting = nil
    }

    private static func accept(_ server: NIOAsyncChannel<Connection, Never>, core: SimulatorCore) async {
        await withDiscardingTaskGroup { group in
            do {
                try await server.executeThenClose { connections in
                    for try await connection in connections {
                        group.addTask { await serve(connection, core: core) }
                    }
                }
            } catch {
                // The listener failed or was closed; either way nobody is accepted any more.
            }
            group.cancelAll()
        }
    }

    private static func serve(_ connection: Connection, core: SimulatorCore) async {
        let channel = connection.channel
        await withTaskCancellationHandler {
            do {
                try await connection.executeThenClose { inbound, _ in
                    try await PlatformConnection(core: core, channel: channel).serve(inbound)
                }
            } catch {
                // Not HTTP, or the client is gone: a platform closes and forgets. What it had done is in the ledger.
            }
        } onCancel: {
            channel.close(promise: nil)
        }
    }
}
