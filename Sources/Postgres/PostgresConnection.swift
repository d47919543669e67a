import CLibpq
import Synchronization

/// One session with PostgreSQL, on a thread of its own.
///
/// Every call runs from its first to its last byte without giving the thread to another call, so calls made at the same
/// time take turns. Close a connection with `close()`; letting it go closes it too, but later.
public actor PostgresConnection {
    private nonisolated let thread: ConnectionThread
    nonisolated let condition = ConnectionCondition()
    let wire: Wire
    let configuration: PostgresConfiguration
    var statements: StatementCache
    /// The interrupt of the call that is running; synchronous calls inside it obey it too.
    var interrupt: Interrupt?
    /// The end of the time of the running transaction.
    var transactionDeadline: MonotonicTime?
    /// Nothing in the running transaction writes.
    var isTransactionReadOnly = false
    private var backend: Int32 = 0
    private var version = 0

    public nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    private init(configuration: PostgresConfiguration, thread: ConnectionThread, waker: Waker) {
        self.configuration = configuration
        self.thread = thread
        statements = StatementCache(limit: configuration.preparedStatementLimit)
        wire = Wire(waker: waker)
    }

    isolated deinit {
        wire.close()
        thread.stop()
    }

    /// Connects, sets the session up and verifies what this library relies on.
    ///
    /// Errors: `connectionFailed`, `authenticationFailed`, `invalidConfiguration`, `unsuitableServer`, `cancelled`.
    public static func connect(
        _ configuration: PostgresConfiguration
    ) async throws(PostgresError) -> PostgresConnection {
        let thread = ConnectionThread()
        guard let waker = Waker(), thread.start() else {
            throw PostgresError(.connectionFailed, "The process has no thread or no file descriptor left.")
        }
        let connection = PostgresConnection(configuration: configuration, thread: thread, waker: waker)
        try await connection.open()
        return connection
    }

    /// The server's process for this session, as in `pg_stat_activity.pid`.
    public var backendProcessID: Int32 { backend }

    /// The server's version, such as 150018 for 15.18.
    public var serverVersion: Int { version }

    /// Host, port and database, never user or password.
    public var serverDescription: String { wire.server }

    /// Whether the connection stands, as far as known without asking.
    public nonisolated var isOpen: Bool { condition.value != .closed }

    /// Ends the session. A running call ends first; closing twice is fine.
    public func close() {
        wire.close()
        condition.value = .closed
    }

    private func open() async throws(PostgresError) {
        try await interruptible { () throws(PostgresError) in
            do throws(PostgresError) {
                try wire.connect(configuration, interrupt: interrupt)
                try setUpSession()
            } catch {
                close()
                throw error
            }
            backend = PQbackendPID(wire.handle)
            version = Int(PQserverVersion(wire.handle))
        }
    }

    private func setUpSession() throws(PostgresError) {
        let relied = PostgresConfiguration.reliedUponSettings
        let set = (relied + configuration.limitSettings).map { "set_config('\($0.name)', '\($0.value)', false)" }
        let shown = relied.map { "current_setting('\($0.name)')" }
        let script =
            "SELECT \(set.joined(separator: ", ")), \(PostgresConfiguration.durableCommits); "
            + "SELECT \(shown.joined(separator: ", "))"
        var operation = try begin(
            label: "setting the session up", isHarmless: true, timeout: configuration.connectTimeout)
        let answers = try exchange(&operation) { PQsendQuery($0, script) }
        for (column, setting) in relied.enumerated() {
            let actual = try answers.last?.onlyRow().string(column) ?? "absent"
            guard actual == setting.value else {
                throw PostgresError(
                    .unsuitableServer,
                    "The session setting \(setting.name) should be \(setting.value) but is \(actual).",
                    server: wire.server, hint: "Is a connection pooler in between that keeps its own settings?")
            }
        }
    }
}

/// What can be known about a connection without waiting for its thread.
final class ConnectionCondition: Sendable {
    enum State: UInt8 {
        case idle
        /// In a transaction, or in an unknown state: to be rolled back before anyone else gets it.
        case unsettled
        case closed
    }

    private let state = Atomic<UInt8>(State.idle.rawValue)

    var value: State {
        get { State(rawValue: state.load(ordering: .acquiring)) ?? .unsettled }
        set { state.store(newValue.rawValue, ordering: .releasing) }
    }
}
