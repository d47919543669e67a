public import ArgumentParser
import EventStore
public import WorkflowCore

/// Which runs a command is about; `RunFilter` is what the store makes of it.
struct RunFilterOptions: ParsableArguments {
    @Option(help: "Only this workflow.") var workflow: String?
    @Option(help: "Only this organisation.") var organisation: String?
    @Option(help: "Only this key, such as a number.") var key: String?
    @Option(help: "Only this state.") var state: String?
    @Option(help: "Only live, held, succeeded, failed, cancelled or released ones.") var status: RunStatus?
    @Option(help: "Only those whose last error has this name.") var error: String?
    @Flag(
        name: .customLong("left-behind"),
        help: "Only ended ones of which something may be left on the platform; of a succeeded one beside its own.")
    var leftBehind = false
    @Flag(help: "Only succeeded ones whose last inspection found that the thing is gone or no longer works.")
    var drifted = false
    @Option(help: "Only live ones whose next call goes to this service.") var service: String?
    @Option(name: .customLong("older-than"), help: ArgumentHelp("Requested longer ago.", valueName: "duration"))
    var olderThan: DurationArgument?
    @Option(name: .customLong("newer-than"), help: ArgumentHelp("Requested more recently.", valueName: "duration"))
    var newerThan: DurationArgument?

    @Option(
        name: .customLong("request-id"),
        help: ArgumentHelp("Only the one that sent the request with this X-Request-Id.", valueName: "id"))
    var requestId: String?

    func validate() throws {
        if leftBehind, service != nil || !(status ?? .failed).mayLeaveBehind {
            throw RunsTexts.leftBehindAlone
        }
        if drifted, leftBehind || (status ?? .succeeded) != .succeeded {
            throw RunsTexts.driftedAlone
        }
        if let requestId, Identifier(requestId) == nil {
            throw RunsTexts.noRequestId(requestId)
        }
    }

    var isEmpty: Bool {
        let texts = [workflow, organisation, key, state, error, service, requestId]
        return texts.allSatisfy { $0 == nil } && status == nil && !leftBehind && !drifted && olderThan == nil
            && newerThan == nil
    }

    func filter(now: Instant) -> RunFilter {
        RunFilter(
            workflow: workflow, organisation: organisation, key: key, state: state, status: status, lastError: error,
            isLeftBehind: leftBehind, isDrifted: drifted, service: service,
            attemptId: requestId.flatMap { Identifier($0) },
            requestedSince: newerThan.map { now.advanced(byMilliseconds: -$0.milliseconds) },
            requestedBefore: olderThan.map { now.advanced(byMilliseconds: -$0.milliseconds) })
    }
}

/// A duration as definitions write it: 90s, 15m, 2h, 3d.
struct DurationArgument: ExpressibleByArgument {
    let milliseconds: Int64
    /// As it was written.
    let text: String

    init?(argument: String) {
        guard let milliseconds = DurationText.milliseconds(argument) else { return nil }
        self.milliseconds = milliseconds
        text = argument
    }
}

extension RunStatus: ExpressibleByArgument {
    fileprivate var mayLeaveBehind: Bool { isEnded }
}
