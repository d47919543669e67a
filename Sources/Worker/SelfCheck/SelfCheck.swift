public import EventStore
public import Logging
public import ServiceLifecycle
import WorkflowCore

/// Looks at a sample of the live database every minute, so that damage raises an alarm while it is fresh.
///
/// The same minute puts right what would otherwise stand still: `Upkeep`.
///
/// Several workers take turns: while one looks, the others skip. Each violation is logged once, at error level, and
/// looked at again until it is gone; `SelfCheckRecord` holds what a metric shows.
public struct SelfCheck: Service {
    public let record: SelfCheckRecord
    private let verifier: Verifier?
    private let upkeep: Upkeep?
    private let look: VerifyLook
    private let firstMilliseconds: Int64
    private let intervalMilliseconds: Int64
    private let logger: Logger

    /// More lines at once would only hide the rest of the log.
    private static let linesAtOnce = 20

    /// Without a verifier it does the upkeep alone.
    public init(
        verifier: Verifier?, upkeep: Upkeep? = nil, record: SelfCheckRecord = SelfCheckRecord(),
        look: VerifyLook = VerifyLook(),
        firstMilliseconds: Int64 = 5000, intervalMilliseconds: Int64 = 60_000, logger: Logger
    ) {
        self.verifier = verifier
        self.upkeep = upkeep
        self.record = record
        self.look = look
        self.firstMilliseconds = max(0, firstMilliseconds)
        self.intervalMilliseconds = max(100, intervalMilliseconds)
        self.logger = logger
    }

    /// Returns when the task is cancelled or the service is to end.
    public func run() async {
        await cancelWhenGracefulShutdown {
            var pause = firstMilliseconds
            while true {
                do { try await Task.sleep(for: .milliseconds(pause)) } catch { return }
                await upkeep?.run()
                await check()
                pause = intervalMilliseconds
            }
        }
    }

    /// One look. False when it could not be made, or another worker was at it.
    @discardableResult
    func check() async -> Bool {
        guard let verifier else { return false }
        var look = look
        let place = record.begin()
        look.queueAfter = place.queueAfter
        look.again += place.again
        let began = ContinuousClock.now
        do {
            guard let answer = try await verifier.look(look) else { return false }
            tell(record.end(answer, again: place.again, took: ContinuousClock.now - began))
            return true
        } catch let error as StoreError where error.isPassing {
            // The claims say so once for the whole worker.
            logger.debug("the self-check was not made", metadata: ["error": "\(error.message)"])
        } catch is CancellationError {
            return false
        } catch {
            guard !Task.isCancelled else { return false }
            logger.error("the self-check could not be made", metadata: ["error": "\(error)"])
        }
        return false
    }

    private func tell(_ news: SelfCheckRecord.News) {
        for violation in news.found.prefix(Self.linesAtOnce) {
            logger.log(
                level: violation.code.isWarning ? .warning : .error,
                violation.code.isWarning ? "the self-check warns" : "the self-check found a violation",
                metadata: [
                    "run": "\(violation.runId?.description ?? "none")", "code": "\(violation.code.rawValue)",
                    "event": "\(violation.seq.map { "\($0)" } ?? "none")", "expected": "\(violation.expected ?? "")",
                    "actual": "\(violation.actual ?? "")",
                ])
        }
        if news.found.count > Self.linesAtOnce {
            logger.error(
                "the self-check found more violations; run \"turnup verify\"",
                metadata: ["more": "\(news.found.count - Self.linesAtOnce)"])
        }
        if news.goneCount > 0 {
            logger.notice("violations are gone", metadata: ["count": "\(news.goneCount)"])
        }
    }
}
