/// What a simulator is started with.
public struct SimulatorConfiguration: Sendable {
    /// The secret that create calls carry unless another one is configured.
    public static let defaultMasterSecret = "simulator-master-secret"

    public var behaviour: Behaviour
    public var faults: [FaultRule]
    /// The same seed gives the same keys, delays and fault decisions.
    public var seed: UInt64
    public var masterSecret: String
    /// A loopback address: `127.0.0.1`, `::1` or `localhost`.
    public var host: String
    /// The platform port; 0 takes a free one and keeps it through outages.
    public var port: Int
    /// The control port, which no fault can hit; 0 takes a free one.
    public var controlPort: Int
    /// A file that gets one JSON line per ledger entry when the platform decides, and one more with the same ordinal
    /// when the exchange ends. The last line of an ordinal counts.
    public var ledgerPath: String?

    public init(
        preset: Preset = .healthy, seed: UInt64 = 1, masterSecret: String = defaultMasterSecret,
        host: String = "127.0.0.1", port: Int = 0, controlPort: Int = 0, ledgerPath: String? = nil
    ) {
        behaviour = preset.behaviour
        faults = preset.faults
        self.seed = seed
        self.masterSecret = masterSecret
        self.host = host
        self.port = port
        self.controlPort = controlPort
        self.ledgerPath = ledgerPath
    }
}

/// The two ports a simulator listens on.
public struct SimulatorPorts: Sendable, Hashable, Codable {
    public let port: Int
    public let controlPort: Int
}

/// Why a simulator could not start or do what it was told.
public enum SimulatorError: Error, Sendable, Hashable {
    case portInUse(Int)
    case notLoopback(String)
    case cannotListen(port: Int, reason: String)
    case cannotWriteLedger(path: String, reason: String)
    case invalidSetting(String)
    case alreadyStarted

    /// A stable name for programs.
    public var code: String {
        switch self {
        case .portInUse: "simulator.port-in-use"
        case .notLoopback: "simulator.not-loopback"
        case .cannotListen: "simulator.cannot-listen"
        case .cannotWriteLedger: "simulator.cannot-write-ledger"
        case .invalidSetting: "simulator.invalid-setting"
        case .alreadyStarted: "simulator.already-started"
        }
    }
}

extension SimulatorError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .portInUse(let port):
            "port \(port) is already in use; stop the program that listens there, or choose another port (0 takes a free one)"
        case .notLoopback(let host):
            "the simulator listens on loopback only, and '\(host)' is not; use 127.0.0.1, ::1 or localhost"
        case .cannotListen(let port, let reason):
            "cannot listen on port \(port): \(reason)"
        case .cannotWriteLedger(let path, let reason):
            "cannot write the ledger to \(path): \(reason)"
        case .invalidSetting(let text):
            text
        case .alreadyStarted:
            "this simulator has been started before; make a new one"
        }
    }
}
