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
    var knownColumns = ColumnCache()
    /// Behind a pooler, what makes the session of the next transaction ours; nil on a session of our own.
    var prelude: String?
    /// The interrupt of the call that is running; synchronous calls inside it obey it too.
    var interrupt: Interrupt?
    /// The end of the time of the running transaction.
    var transactionDeadline: MonotonicTime?
    /// Nothing in the running transaction writes.
    var isTransactionReadOnly = false
    private var backend: Int32 = 0

    public nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    private init(configuration: PostgresConfiguration, thread: ConnectionThread, waker: Waker) {
        self.configuration = configuration
        self.thread = thread
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

    /// Host, port and database, never user or password.
    public var serverDescription: String { wire.server }

    /// Whether a connection pooler stands between. If so, the server's session is ours for one transaction at a time:
    /// nothing may be left in it, and notifications never arrive.
    public var isPooled: Bool { prelude != nil }

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

    /// When the server last met behind a pooler had started; 0 without a pooler.
    let serverStart = Atomic<Int64>(0)
    private let state = Atomic<UInt8>(State.idle.rawValue)

    var value: State {
        get { State(rawValue: state.load(ordering: .acquiring)) ?? .unsettled }
        set { state.store(newValue.rawValue, ordering: .releasing) }
    }
}
