import Foundation
public import Logging
import Synchronization

/// The third-party platform, with faults on demand and a ledger of what really happened.
///
/// It listens on two loopback ports: the platform port, which faults may hit, and the control port, which they cannot.
/// Several simulators may live in one process.
public final class PlatformSimulator: Sendable {
    private enum Stage {
        case idle
        case starting
        case running(Running)
        case stopped
    }

    private struct Running {
        let ports: SimulatorPorts
        let supervisor: OutageSupervisor
        let supervising: Task<Void, Never>
        let control: ControlServer
    }

    public let configuration: SimulatorConfiguration
    private let logger: Logger
    private let core: SimulatorCore
    private let stage = Mutex(Stage.idle)

    /// - Throws: `SimulatorError.cannotWriteLedger`.
    public init(
        configuration: SimulatorConfiguration = SimulatorConfiguration(),
        logger: Logger = Logger(label: "platform-simulator")
    ) throws {
        self.configuration = configuration
        self.logger = logger
        let clock = SimulatorClock()
        core = try SimulatorCore(configuration, clock: clock, logger: logger)
    }

    /// Starts a simulator, hands it to `body` and stops it, whatever happens.
    public static func withSimulator<Result>(
        _ configuration: SimulatorConfiguration = SimulatorConfiguration(),
        logger: Logger = Logger(label: "platform-simulator"),
        _ body: (PlatformSimulator, SimulatorPorts) async throws -> Result
    ) async throws -> Result {
        let simulator = try PlatformSimulator(configuration: configuration, logger: logger)
        let ports = try await simulator.start()
        do {
            let result = try await body(simulator, ports)
            await simulator.stop()
            return result
        } catch {
            await simulator.stop()
            throw error
        }
    }

    // MARK: - Life

    /// Listens on both ports and returns their numbers. A simulator starts once.
    ///
    /// - Throws: `SimulatorError.portInUse`, `.notLoopback`, `.cannotListen` or `.alreadyStarted`.
    public func start() async throws -> SimulatorPorts {
        try stage.withLock { stage in
            guard case .idle = stage else { throw SimulatorError.alreadyStarted }
            stage = .starting
        }
        do {
            let running = try await listen()
            stage.withLock { $0 = .running(running) }
            return running.ports
        } catch {
            stage.withLock { $0 = .stopped }
            throw error
        }
    }

    private func listen() async throws -> Running {
        let reservation = try PortReservation(host: configuration.host, port: configuration.port)
        let port = PlatformPort(core: core, reservation: reservation)
        let refusesFromTheStart = configuration.behaviour.refuses(atElapsed: core.clock.elapsedMilliseconds)
        if !refusesFromTheStart { try await port.open() }
        let supervisor = OutageSupervisor(core: core, port: port, logger: logger)
        let control = ControlServer(simulator: self, host: configuration.host, logger: logger)
        let controlPort: Int
        do {
            controlPort = try await control.start(port: configuration.controlPort)
        } catch {
            await port.close()
            throw error
        }
        let supervising = Task { await supervisor.run() }
        await supervisor.settle()
        return Running(
            ports: SimulatorPorts(port: port.number, controlPort: controlPort), supervisor: supervisor,
            supervising: supervising, control: control)
    }

    /// Starts, unless it was started before, and stays until the task is cancelled; then stops cleanly.
    public func run() async throws {
        if stage.withLock({ if case .idle = $0 { true } else { false } }) { _ = try await start() }
        let (forever, end) = AsyncStream.makeStream(of: Void.self)
        for await _ in forever {}
        end.finish()
        await stop()
    }

    /// Cuts open connections and gives both ports back. Calling it again does nothing.
    public func stop() async {
        let running: Running? = stage.withLock { stage in
            guard case .running(let running) = stage else { return nil }
            stage = .stopped
            return running
        }
        guard let running else { return }
        running.supervisor.finish()
        await running.supervising.value
        await running.control.stop()
    }

    // MARK: - The truth

    /// The requests so far, in order of arrival, beginning after an ordinal.
    public func ledger(after ordinal: Int = 0) -> [LedgerEntry] { core.ledger(after: ordinal) }

    public var requestCount: Int { core.requestCount }

    /// Every client there is, with its key.
    public func clients() -> [ClientRecord] { core.clients }

    /// How often the register has told each of its lies (`Registry.lies`), by a name for people.
    public func liesTold() -> [String: Int] { core.liesTold }

    /// The fault rules in force, with how often they have been met.
    public func faults() -> [ArmedFault] { core.faults }

    /// How many exchanges wait for a release.
    public func heldCount() -> Int { core.heldCount }

    // MARK: - Faults on demand

    public var behaviour: Behaviour { core.behaviour }

    /// Changes knobs; returns once the platform port listens, or refuses, as the new behaviour wants.
    @discardableResult
    public func updateBehaviour(_ change: @Sendable (inout Behaviour) throws -> Void) async rethrows -> Behaviour {
        let behaviour = try core.update(change)
        await settle()
        return behaviour
    }

    /// Really stops listening on the platform port, cutting open connections, or listens again on the same number.
    public func setOutage(refuse: Bool) async {
        await updateBehaviour { $0.refuse = refuse }
    }

    /// Adds rules and returns their ids.
    @discardableResult
    public func addFaults(_ rules: [FaultRule]) -> [Int] { core.add(rules) }

    /// Removes all rules. What is being held stays held until it is released.
    public func removeFaults() { core.removeFaults() }

    /// Waits until the `count`-th matching exchange since the start has come as far as `phase`.
    ///
    /// - Returns: false when the time was up first, or the task was cancelled.
    public func wait(
        for match: RequestMatch, phase: Phase, count: Int = 1, timeoutMilliseconds: Int = 10_000
    ) async -> Bool {
        await core.wait(for: match, phase: phase, count: count, timeoutMilliseconds: timeoutMilliseconds)
    }

    /// Lets held exchanges go on, the oldest first, and returns how many there were.
    @discardableResult
    public func release(_ match: RequestMatch = RequestMatch(), atMost limit: Int? = nil) -> Int {
        core.release(match, atMost: limit)
    }

    /// Moves the simulator's clock forward: keys become active, tokens expire, outage windows pass.
    public func advance(milliseconds: Int) async {
        core.clock.advance(milliseconds: milliseconds)
        await settle()
    }

    /// Plays the person who scans an account's code. False when there is no such account.
    @discardableResult
    public func scan(account: String) -> Bool { core.scan(account) }

    /// Plays somebody else who makes a client in the register. No request, so the ledger does not know of it.
    @discardableResult
    public func addClient(externalId: String, organisation: String) -> ClientRecord {
        core.addClient(externalId: externalId, organisation: organisation)
    }

    /// Milliseconds since 1970 on the simulator's clock.
    public var nowMilliseconds: Int { core.clock.nowMilliseconds }

    /// How far `advance` has set the ledger's clock forward, in milliseconds.
    public var advancedMilliseconds: Int { core.clock.advancedMilliseconds }

    /// How far the machine's own clock was set forward since the start, in milliseconds; the ledger's does not follow it.
    public var wallStepMilliseconds: Int { core.clock.wallStepMilliseconds }

    /// The start of the simulator's clock, from which outage windows count.
    public var startedAtMilliseconds: Int { core.clock.startedAtMilliseconds }

    private func settle() async {
        let supervisor: OutageSupervisor? = stage.withLock { stage in
            guard case .running(let running) = stage else { return nil }
            return running.supervisor
        }
        await supervisor?.settle()
    }
}
