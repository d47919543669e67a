public import ArgumentParser
import Logging
public import PlatformSimulator
import ServiceLifecycle
import UnixSignals

struct Simulate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Play a WhatsApp platform on this machine, with its faults.",
        discussion: """
            Presets:
            \(Preset.allCases.map { "  \($0.rawValue): \($0.summary)" }.joined(separator: "\n"))

            The control port answers GET /ledger with every request and what was really done.

            Example:
              turnup simulate --preset slow-activation --seed 7 --port 8080
              turnup service set wpp --base-url http://127.0.0.1:8080 --allow loopback
            """)

    @Option(help: "How the platform behaves.") var preset = Preset.healthy
    @Option(help: ArgumentHelp("The same seed gives the same delays and faults.", valueName: "number")) var seed:
        UInt64 = 1
    @Option(help: ArgumentHelp("The platform's port; 0 takes a free one.", valueName: "number")) var port = 0
    @Option(
        name: .customLong("control-port"),
        help: ArgumentHelp("The control port; 0 takes a free one.", valueName: "number"))
    var controlPort = 0
    @Option(help: ArgumentHelp("Also write the ledger to this file, one JSON line a change.", valueName: "path"))
    var ledger: String?

    func validate() throws {
        for (name, value) in [("--port", port), ("--control-port", controlPort)] where !(0...65_535).contains(value) {
            throw TerminalTexts.outOfRange(name, "0 to 65535")
        }
    }

    func run() async throws {
        let configuration = SimulatorConfiguration(
            preset: preset, seed: seed, port: port, controlPort: controlPort, ledgerPath: ledger)
        let logger = Logger(label: "simulator") { _ in SwiftLogNoOpLogHandler() }
        let simulator = try PlatformSimulator(configuration: configuration, logger: logger)
        let ports = try await simulator.start()
        Console.out("platform http://127.0.0.1:\(ports.port)")
        Console.out("control  http://127.0.0.1:\(ports.controlPort)")
        Console.note(
            DemoTexts.simulating(
                preset: preset.rawValue, seed: seed, secret: SimulatorConfiguration.defaultMasterSecret))
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [.init(service: SimulatorService(simulator: simulator), serviceName: "simulator")],
                gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
        try await group.run()
    }
}

extension Preset: ExpressibleByArgument {}

private struct SimulatorService: Service {
    let simulator: PlatformSimulator

    func run() async throws {
        try await cancelWhenGracefulShutdown { try await simulator.run() }
    }
}
