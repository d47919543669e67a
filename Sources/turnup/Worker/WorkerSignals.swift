import ServiceLifecycle
import UnixSignals
import Worker

/// What SIGTERM and SIGINT mean to a worker.
///
/// The first of either begins a clean end. A second SIGINT comes from a person who will not wait: requests under way are
/// broken off, and their outcomes written as unknown. A second SIGTERM changes nothing, because service managers and
/// their users repeat it, and an unknown outcome may need a person.
enum WorkerSignals {
    /// Runs the services until a signal ends them. Throws `CancellationError` when they were broken off.
    static func run(_ group: ServiceGroup, monitor: WorkerMonitor) async throws {
        let running = Task { try await group.run() }
        let brokenOff = StopFlag()
        try await withThrowingTaskGroup { tasks in
            tasks.addTask {
                var isStopping = false
                for await signal in await UnixSignalsSequence(trapping: .sigint, .sigterm) {
                    if !isStopping {
                        isStopping = true
                        monitor.enter(.stopping)
                        await group.triggerGracefulShutdown()
                    } else if signal == .sigint {
                        brokenOff.raise()
                        running.cancel()
                    }
                }
            }
            defer { tasks.cancelAll() }
            let result = await running.result
            if brokenOff.isRaised { throw CancellationError() }
            try result.get()
        }
    }
}
