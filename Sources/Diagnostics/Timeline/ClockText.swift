import Foundation
public import WorkflowCore

/// Times of day in the reader's time zone, or in UTC.
public struct ClockText: Sendable {
    private let zone: TimeZone

    public init(isUTC: Bool = false) { zone = isUTC ? .gmt : .current }

    /// The zone's name and distance from UTC, for the head of a table.
    public var zoneName: String { zone.secondsFromGMT() == 0 ? "UTC" : zone.abbreviation() ?? zone.identifier }

    /// `14:03:07.120`
    public func time(_ instant: Instant) -> String {
        let parts = components(instant)
        return "\(two(parts.hour)):\(two(parts.minute)):\(two(parts.second)).\(three(instant))"
    }

    /// `2026-03-01 14:03:07`
    public func dateAndTime(_ instant: Instant) -> String {
        let parts = components(instant)
        return "\(date(instant)) \(two(parts.hour)):\(two(parts.minute)):\(two(parts.second))"
    }

    /// `2026-03-01`
    public func date(_ instant: Instant) -> String {
        let parts = components(instant)
        return "\(parts.year ?? 0)-\(two(parts.month))-\(two(parts.day))"
    }

    /// RFC 3339 in UTC with microseconds, for programs.
    public static func timestamp(_ instant: Instant) -> String {
        let clock = ClockText(isUTC: true)
        let parts = clock.components(instant)
        let fraction = String(((instant.microseconds % 1_000_000) + 1_000_000) % 1_000_000)
        let padded = String(repeating: "0", count: max(0, 6 - fraction.count)) + fraction
        return
            "\(clock.date(instant))T\(clock.two(parts.hour)):\(clock.two(parts.minute)):\(clock.two(parts.second)).\(padded)Z"
    }

    private func components(_ instant: Instant) -> DateComponents {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = zone
        let seconds = (Double(instant.microseconds) / 1_000_000).rounded(.down)
        return calendar.dateComponents(
            [.year, .month, .day, .hour, .minute, .second], from: Date(timeIntervalSince1970: seconds))
    }

    private func two(_ number: Int?) -> String {
        let text = String(number ?? 0)
        return text.count < 2 ? "0" + text : text
    }

    private func three(_ instant: Instant) -> String {
        let text = String((instant.microseconds / 1000 % 1000 + 1000) % 1000)
        return String(repeating: "0", count: max(0, 3 - text.count)) + text
    }
}
