import ArgumentParser
import Diagnostics
import EventStore
import Foundation
import WorkflowCore

extension ServiceCommand {
    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show one service: where it is, its limits, whether it is called, and how it has behaved.",
            discussion: """
                The statistics are of runs that were held or have ended: how old keys were when the platform accepted \
                them, whether first and later numbers of an organisation fare alike, which errors came when, how far the \
                clocks are apart, and keys that were given twice.
                """)

        @Argument(help: "The service's name.") var name: String
        @Flag(help: "Print JSON.") var json = false
        @OptionGroup var database: DatabaseOptions

        func run() async throws {
            try await Session.with(database) { session in
                let record = try await session.knownService(name)
                let now = try await session.store.now()
                let waiting = try await session.store.waiting(service: record.name)
                let statistics = try await session.store.statistics(service: record.name)
                Console.out(
                    json
                        ? ServiceJSON.line(record, now: now, waiting: waiting, statistics: statistics)
                        : Self.page(record, now: now, waiting: waiting) + "\n" + ServicePage.text(statistics))
            }
        }

        private static func page(_ record: ServiceRecord, now: Instant, waiting: ServiceWaiting) -> String {
            let cap = record.retryAfterCapMilliseconds ?? ServiceRecord.standardRetryAfterCapMilliseconds
            let culprits = BreakerText.culprits(record.breaker)
            let opened = zip(culprits.indices, culprits).map { "\($0 == 0 ? "opened by     " : "              ")\($1)" }
            return
                ([
                    "service       \(record.name)", "base URL      \(record.baseURL ?? "-")",
                    "allowed       \(record.allowedAddresses.joined(separator: ","))",
                    "limits        \(LimitText.text(record.limits))",
                    "retry after   \(ServiceTexts.atMost(Phrases.span(milliseconds: Int64(cap))))",
                    "request id    \(ServiceTexts.requestId(isSent: record.sendsRequestId))",
                    "breaker       \(BreakerText.text(record.breaker, at: now))",
                ] + opened + ["waiting       \(text(waiting, now: now))"]).map(Table.visible).joined(separator: "\n")
        }

        private static func text(_ waiting: ServiceWaiting, now: Instant) -> String {
            ServiceTexts.waiting(
                waiting.count, hasMore: waiting.hasMore,
                longest: waiting.oldestDue.map { Phrases.span(milliseconds: now.milliseconds(since: $0)) })
        }
    }

    struct Pause: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Stop all calls to a service. Its runs wait, which spends no attempt; deadlines go on.",
            discussion: """
                Requests under way end as usual. A worker sees the pause within a second.

                Example:
                  turnup service pause wpp --for 10m --reason "maintenance window"
                """)

        @Argument(help: "The service's name.") var name: String
        @Option(
            name: .customLong("for"),
            help: ArgumentHelp("How long, such as 10m; left out, until it is resumed.", valueName: "duration"))
        var length: DurationArgument?
        @Option(help: ArgumentHelp("Why; shown to everybody who asks.", valueName: "text")) var reason: String
        @OptionGroup var database: DatabaseOptions

        func validate() throws {
            try ServiceCommand.check(reason: reason)
            if let length, length.milliseconds < 1 { throw ServiceTexts.pauseIsNothing }
        }

        func run() async throws {
            try await Session.with(database) { session in
                let record = try await session.knownService(name)
                let ends = try await session.store.pauseService(
                    record.name, milliseconds: length?.milliseconds, reason: reason, by: Session.actor)
                let now = try await session.store.now()
                Console.out(ServiceTexts.paused(record.name, until: BreakerText.until(ends, from: now)))
                Console.note(ServiceTexts.howToResume(record.name))
            }
        }
    }

    struct Resume: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Call a service again at once, whatever had paused it.",
            discussion: """
                Its waiting runs come forward within a second. If it is still down, the first failure pauses it again.
                """)

        @Argument(help: "The service's name.") var name: String
        @OptionGroup var database: DatabaseOptions

        func run() async throws {
            try await Session.with(database) { session in
                let record = try await session.knownService(name)
                let wasShut = try await session.store.resumeService(record.name)
                Console.out(ServiceTexts.resumed(record.name, wasShut: wasShut))
            }
        }
    }

    fileprivate static func check(reason: String) throws {
        let text = reason.trimmingCharacters(in: .whitespacesAndNewlines)
        if text.isEmpty { throw ServiceTexts.noReason }
        if reason.unicodeScalars.contains("\0") || reason.utf8.count > 1024 { throw ServiceTexts.longReason }
    }
}

extension Session {
    /// A service that has been set or called once.
    fileprivate func knownService(_ name: String) async throws -> ServiceRecord {
        guard let record = try await store.service(name) else { throw ServiceTexts.absent(name) }
        return record
    }
}

/// A service for programs. The names are the columns' names.
enum ServiceJSON {
    /// `waiting` is left out where nobody counted.
    static func line(
        _ item: ServiceRecord, now: Instant, waiting: ServiceWaiting? = nil, statistics: ServiceStatistics? = nil
    ) -> String {
        let breaker = item.breaker
        let limits = item.limits
        let members: [(String, JSONValue)] = [
            ("name", .string(item.name)), ("base_url", .optional(item.baseURL)),
            ("allowed_addresses", .array(item.allowedAddresses.map { .string($0) })),
            ("concurrent_requests", number(limits.concurrent)), ("rate_requests", number(limits.rate?.count)),
            ("rate_milliseconds", number(limits.rate.map { Int($0.windowMilliseconds) })),
            ("limits_per", .string(limits.per.rawValue)),
            ("retry_after_cap_milliseconds", number(item.retryAfterCapMilliseconds)),
            ("sends_request_id", .bool(item.sendsRequestId)),
            ("breaker", .string(BreakerText.name(breaker, at: now))), ("paused_until", .time(breaker.pausedUntil)),
            ("pause_reason", .optional(breaker.pauseReason)), ("paused_by", .optional(breaker.pausedBy)),
            ("consecutive_failures", .integer(breaker.consecutiveFailures)),
            ("failures", .array(breaker.failuresByRun.map(failure))), ("trial_owner", .optional(breaker.trialOwner)),
            ("trial_expires", .time(breaker.trialExpires)),
        ]
        return JSONText.object(
            members + (waiting.map { [("waiting", json($0))] } ?? [])
                + (statistics.map { [("statistics", ServiceStatisticsJSON.value($0))] } ?? []))
    }

    private static func failure(_ failure: Breaker.Failure) -> JSONValue {
        .object(
            JSONObject([
                ("run", .string("\(failure.runId)")), ("organisation", .string(failure.organisation)),
                ("at", .time(failure.at)), ("reason", .string(failure.reason)),
            ]))
    }

    private static func json(_ waiting: ServiceWaiting) -> JSONValue {
        .object(
            JSONObject([
                ("runs", .integer(waiting.count)), ("more", .bool(waiting.hasMore)),
                ("oldest_due", .time(waiting.oldestDue)),
            ]))
    }

    private static func number(_ value: Int?) -> JSONValue { value.map { .integer($0) } ?? .null }
}
