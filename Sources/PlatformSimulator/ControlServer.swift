import Foundation
import Hummingbird
import Logging
import NIOCore
import Synchronization

/// The control port: the same verbs as the simulator's methods, for tests and people in another process.
final class ControlServer: Sendable {
    // The server must not keep the simulator alive: the simulator holds the server.
    private weak let simulator: PlatformSimulator?
    private let host: String
    private let logger: Logger
    private let running = Mutex<Task<Void, Never>?>(nil)

    init(simulator: PlatformSimulator, host: String, logger: Logger) {
        self.simulator = simulator
        self.host = host
        self.logger = logger
    }

    /// Returns the port it listens on.
    func start(port: Int) async throws -> Int {
        let (ports, announce) = AsyncThrowingStream.makeStream(of: Int.self)
        // The library reports every connection that a stop cuts as an error.
        var quiet = logger
        quiet.logLevel = .critical
        let application = Application(
            router: ControlRoutes(simulator: simulator).router,
            configuration: ApplicationConfiguration(address: .hostname(host, port: port)),
            onServerRunning: { channel in announce.yield(channel.localAddress?.port ?? port) },
            logger: quiet)
        let task = Task {
            do {
                try await application.run()
                announce.finish()
            } catch {
                announce.finish(throwing: error)
            }
        }
        running.withLock { $0 = task }
        do {
            for try await port in ports { return port }
            throw SimulatorError.cannotListen(port: port, reason: "the control server ended at once")
        } catch let error as IOError where error.errnoCode == PortReservation.addressInUse {
            throw SimulatorError.portInUse(port)
        } catch let error as SimulatorError {
            throw error
        } catch {
            throw SimulatorError.cannotListen(port: port, reason: "\(error)")
        }
    }

    func stop() async {
        let task = running.withLock { $0 }
        task?.cancel()
        await task?.value
    }
}
