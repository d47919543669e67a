/// How old keys of a service usually are when the platform accepts them: a value that a decision may be given, and
/// that then stands in its event.
public struct ActivationQuantiles: Sendable, Equatable {
    /// The age by which so many of 100 keys are accepted.
    public struct Point: Sendable, Equatable {
        public let percent: Int
        public let milliseconds: Int64

        public init(percent: Int, milliseconds: Int64) {
            self.percent = percent
            self.milliseconds = milliseconds
        }
    }

    /// Fewer activations place no try.
    public static let fewestActivations = 20
    /// The points that place tries.
    public static let percents = [10, 25, 50, 75, 90, 95, 99]

    /// In order of the ages.
    public let points: [Point]
    /// Of how many keys that were accepted.
    public let activations: Int

    public init(points: [Point], activations: Int) {
        self.points = points.sorted { ($0.milliseconds, $0.percent) < ($1.milliseconds, $1.percent) }
        self.activations = activations
    }

    /// Whether the run keeps the declared delays although the schedule is learned: a tenth of all runs, by their ids, so
    /// that what is learned does not rest on the tries that it has placed.
    public static func isControl(_ run: Identifier) -> Bool {
        // An id begins with a time, so its bits are mixed first.
        var mixed = run.high ^ run.low
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return (mixed ^ (mixed >> 31)) % 10 == 0
    }
}

extension DecisionBuilder {
    /// A try that the service's quantiles place: at the first of them that the key is still younger than, not sooner than
    /// the declared `delay`, and not later than `max_delay` or the end of the window. Nil: the declared delay stands.
    func learnedDelay(_ policy: RetryPolicy, usedMilliseconds used: Int64) -> (milliseconds: Int64, event: JSONValue)? {
        guard policy.schedule == .learned, let within = policy.withinMilliseconds, let known = context.activation,
            known.activations >= ActivationQuantiles.fewestActivations, !ActivationQuantiles.isControl(state.id)
        else { return nil }
        let age = max(0, context.now.milliseconds(since: state.enteredAt))
        let (floor, cap) = (max(1, policy.delayMilliseconds), min(policy.maximumDelayMilliseconds, within - used))
        guard floor <= cap, let point = known.points.first(where: { $0.milliseconds - age >= floor }) else {
            return nil
        }
        return (
            min(point.milliseconds - age, cap),
            [
                "quantile": .string("p\(point.percent)"), "milliseconds": .integer(point.milliseconds),
                "activations": .integer(known.activations), "age_milliseconds": .integer(age),
            ]
        )
    }
}

extension Definition {
    /// Whether any policy that a state names places its tries by the service's quantiles.
    public var hasLearnedSchedule: Bool {
        states.contains { $0.retry.contains { $0.policy.schedule == .learned } }
    }
}
