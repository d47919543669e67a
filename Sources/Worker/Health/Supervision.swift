public import Logging
public import ServiceLifecycle

/// Tells the service manager how the worker is, and feeds the watchdog only while the loops move.
///
/// Without a service manager it still logs when a loop is wedged.
public struct Supervision: Service {
    private static let longestInterval: Duration = .seconds(10)

    private let monitor: WorkerMonitor
    private let manager: ServiceManager?
    private let logger: Logger

    public init(monitor: WorkerMonitor, manager: ServiceManager?, logger: Logger) {
        self.monitor = monitor
        self.manager = manager
        self.logger = logger
    }

    /// Returns when the task is cancelled or the service is to end.
    public func run() async {
        await cancelWhenGracefulShutdown {
            var told = Told()
            while !Task.isCancelled {
                look(&told)
                await monitor.changes.wait(milliseconds: interval.milliseconds)
            }
            // The last events are reported too, such as the beginning of the shutdown.
            look(&told)
        }
    }

    /// What the service manager and the log were told already.
    private struct Told {
        var isReady = false
        var isStopping = false
        var stuck: [String] = []
    }

    /// A third of the watchdog's interval: three chances to be in time.
    private var interval: Duration {
        max(.milliseconds(20), min(Self.longestInterval, (manager?.watchdogInterval ?? Self.longestInterval) / 3))
    }

    private func look(_ told: inout Told) {
        let condition = monitor.condition()
        if condition.stuck != told.stuck {
            if condition.isLive {
                logger.notice("the worker moves again")
            } else {
                logger.critical(
                    "the worker is wedged; the watchdog is not fed any more",
                    metadata: ["stuck": "\(condition.stuck.joined(separator: ", "))"])
            }
            told.stuck = condition.stuck
        }
        guard let manager else { return }
        var lines: [String] = []
        switch condition.phase {
        case .starting:
            // While the loop moves the start is no failure, however long the database is away.
            if condition.isLive { lines.append("EXTEND_TIMEOUT_USEC=\(3 * interval.milliseconds * 1000 + 30_000_000)") }
        case .running where !told.isReady:
            lines.append("READY=1")
            told.isReady = true
        case .stopping where !told.isStopping:
            lines.append("STOPPING=1")
            told.isStopping = true
        default: break
        }
        lines.append("STATUS=\(condition.sentence)")
        if condition.isLive, manager.watchdogInterval != nil { lines.append("WATCHDOG=1") }
        manager.tell(lines)
    }
}
