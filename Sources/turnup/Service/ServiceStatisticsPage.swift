import Diagnostics
import EventStore
import WorkflowCore

/// How a service has behaved, for people.
enum ServicePage {
    static func text(_ statistics: ServiceStatistics) -> String {
        let activations = Activations(statistics.ages)
        var keys = [activations.forecast?.text ?? ServiceTexts.noForecast(activations.count)]
        if let most = activations.forecast?.mostMilliseconds { keys.append(ServiceTexts.late(most)) }
        if activations.openCount > 0 { keys.append(ServiceTexts.open(activations.openCount)) }
        var repeated = statistics.repeatedKeys.map(ServiceTexts.repeated)
        let more = statistics.repeatedKeyCount - repeated.count
        if more > 0 { repeated.append(ServiceTexts.more(more)) }
        var lines = lines("keys", keys)
        lines += Self.lines("ordinals", statistics.ordinals.map(ServiceTexts.ordinal))
        lines += Self.lines("errors", statistics.errors.map(ServiceTexts.error))
        lines += Self.lines("clock", statistics.clock.map { [ServiceTexts.clock($0)] } ?? [])
        lines += Self.lines("given twice", repeated)
        return lines.map(Table.visible).joined(separator: "\n")
    }

    private static func lines(_ title: String, _ items: [String]) -> [String] {
        items.enumerated().map { index, item in
            let name = index == 0 ? title : ""
            return name + String(repeating: " ", count: 14 - name.count) + item
        }
    }
}

/// The same for programs.
enum ServiceStatisticsJSON {
    static func value(_ statistics: ServiceStatistics) -> JSONValue {
        object([
            ("activation", activation(Activations(statistics.ages))),
            ("ordinals", .array(statistics.ordinals.map(ordinal))),
            ("errors", .array(statistics.errors.map(error))),
            ("clock", statistics.clock.map(clock) ?? .null),
            ("repeated_keys", .array(statistics.repeatedKeys.map(repeated))),
            ("repeated_key_count", .integer(statistics.repeatedKeyCount)),
        ])
    }

    /// Quantiles are null below 20 activations, and where fewer keys than that ever became active.
    static func activation(_ activations: Activations) -> JSONValue {
        let forecast = activations.forecast
        return object([
            ("active", .integer(activations.count)), ("not_active", .integer(activations.openCount)),
            ("p50_milliseconds", number(forecast?.halfMilliseconds)),
            ("p90_milliseconds", number(forecast?.nineTenthsMilliseconds)),
            ("p99_milliseconds", number(forecast?.mostMilliseconds)), ("forecast", .optional(forecast?.text)),
        ])
    }

    private static func ordinal(_ item: ServiceStatistics.Ordinal) -> JSONValue {
        object([
            ("ordinal", .string(item.isLater ? "later" : "first")), ("keys", .integer(item.keys)),
            ("accepted", .integer(item.accepted)), ("accepted_late", .integer(item.late)),
            ("refused", .integer(item.refused)),
        ])
    }

    private static func error(_ item: ServiceStatistics.ErrorSignature) -> JSONValue {
        object([
            ("error", .string(item.error)), ("count", .integer(item.count)), ("runs", .integer(item.runs)),
            ("days", .array(item.days.map { object([("day", .string($0.day)), ("count", .integer($0.count))]) })),
        ])
    }

    private static func clock(_ clock: ServiceStatistics.Clock) -> JSONValue {
        object([
            ("runs", .integer(clock.count)), ("least_milliseconds", .integer(clock.leastMilliseconds)),
            ("median_milliseconds", .integer(clock.medianMilliseconds)),
            ("most_milliseconds", .integer(clock.mostMilliseconds)),
        ])
    }

    private static func repeated(_ key: ServiceStatistics.RepeatedKey) -> JSONValue {
        object([
            ("fingerprint", .string(key.fingerprint)), ("runs", .integer(key.runs)),
            ("organisations", .integer(key.organisations)), ("example", .string(key.example.description)),
        ])
    }

    private static func number(_ value: Int64?) -> JSONValue { value.map { .integer($0) } ?? .null }
    private static func object(_ members: [(String, JSONValue)]) -> JSONValue { .object(JSONObject(members)) }
}
