/// What a limit is counted for: each organisation by itself, or all of them together.
public enum LimitScope: String, Sendable, CaseIterable {
    case organisation, all
}

/// How many requests a service takes. All workers together stay within the limits; waiting spends no attempt.
public struct ServiceLimits: Sendable, Equatable {
    /// Requests at once; nil: no limit.
    public var concurrent: Int?
    /// Requests in a window of time; nil: no limit.
    public var rate: RateLimit?
    public var per: LimitScope

    public init(concurrent: Int? = nil, rate: RateLimit? = nil, per: LimitScope = .all) {
        self.concurrent = concurrent
        self.rate = rate
        self.per = per
    }

    /// Whether it limits nothing.
    public var isEmpty: Bool { concurrent == nil && rate == nil }

    /// The values that a limit of requests at once may have.
    public static let concurrentRange: ClosedRange<Int64> = 1...1_000_000
}

/// How many runs of a definition may be under way: started and not ended, held ones included. Others wait.
public struct RunLimits: Sendable, Equatable {
    public let liveRuns: Int
    public let per: LimitScope

    public init(liveRuns: Int, per: LimitScope = .all) {
        self.liveRuns = liveRuns
        self.per = per
    }

    /// The values that a limit of live runs may have.
    public static let liveRange: ClosedRange<Int64> = 1...1_000_000
}

/// At most `count` requests in any window of `windowMilliseconds`, written as `30/1m`.
public struct RateLimit: Sendable, Equatable, CustomStringConvertible {
    public let count: Int
    public let windowMilliseconds: Int64

    /// The values that the number of requests in a window may have.
    public static let countRange = 1...1_000_000
    /// From one second to one day: a shorter window is a limit of requests at once, a longer one would be forgotten.
    public static let windowRange: ClosedRange<Int64> = 1000...86_400_000

    public init(count: Int, windowMilliseconds: Int64) {
        self.count = count
        self.windowMilliseconds = windowMilliseconds
    }

    /// Why a text is no rate.
    public enum Refusal: Error {
        /// The text is not written like a rate.
        case form
        /// The count is out of range.
        case count
        /// The window is out of range.
        case window

        /// What to do about it.
        public var hint: String {
            switch self {
            case .form: "write it like 30/1m"
            case .count: "the number must be from 1 to 1000000"
            case .window: "the time must be from 1s to 1d"
            }
        }
    }

    /// Reads a rate as definitions and the command line write it.
    public init(_ text: String) throws(Refusal) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        // `Int` would take a sign, and leading zeros say nothing.
        guard parts.count == 2, !parts[0].isEmpty, parts[0] == "0" || parts[0].first != "0",
            parts[0].utf8.allSatisfy(\.isASCIIDigit),
            let window = DurationText.milliseconds(String(parts[1]))
        else { throw .form }
        guard let count = Int(parts[0]), Self.countRange.contains(count) else { throw .count }
        guard Self.windowRange.contains(window) else { throw .window }
        self.init(count: count, windowMilliseconds: window)
    }

    /// As it is written: `30/1m`.
    public var description: String { "\(count)/\(DurationText.text(windowMilliseconds))" }
}
