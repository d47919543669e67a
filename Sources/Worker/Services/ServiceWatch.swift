import EventStore
import Logging
import WorkflowCore

/// Says once when a service is shut and once when it is open again, as claims learn of it.
struct ServiceWatch {
    private var shut: Set<String> = []
    private let logger: Logger

    init(logger: Logger) { self.logger = logger }

    mutating func see(_ lines: [LineAnswer]) {
        for line in lines {
            if let until = line.shutUntil {
                guard shut.insert(line.service).inserted else { continue }
                logger.warning(
                    "a service is paused",
                    metadata: [
                        "service": "\(line.service)", "reason": "\(line.pauseReason ?? "")",
                        "pause_ms": "\(max(0, until.milliseconds(since: line.now)))",
                    ])
            } else if shut.remove(line.service) != nil {
                logger.notice("a service answers again", metadata: ["service": "\(line.service)"])
            }
        }
    }
}
