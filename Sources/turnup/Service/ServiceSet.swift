public import ArgumentParser
import Diagnostics
import EventStore
import Foundation
import HTTPActions
public import WorkflowCore

extension ServiceCommand {
    struct Set: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Set a service's base URL and limits. What is not named stays as it is.",
            discussion: """
                Limits count over all workers together. A definition may have limits of its own for the service; of \
                both the tighter one holds. A change takes effect within a second, and breaks nothing off.

                Example:
                  turnup service set wpp --concurrent 3 --rate 30/1m --per organisation
                  turnup service set wpp --rate none
                """)

        @Argument(help: "The service's name in the definitions.") var name: String
        @Option(
            name: .customLong("base-url"), help: ArgumentHelp("Scheme, host, port and a path prefix.", valueName: "url")
        )
        var baseURL: String?
        @Option(
            name: .customLong("allow"), parsing: .singleValue,
            help: ArgumentHelp(
                "Addresses it may be reached at: public, loopback, private or a network such as 10.1.0.0/16; may be repeated.",
                valueName: "network"))
        var allowed: [String] = []
        @Option(help: ArgumentHelp("Requests at once; none: no limit.", valueName: "number|none"))
        var concurrent: String?
        @Option(
            help: ArgumentHelp(
                "Requests in any time of that length, such as 30/1m; none: no limit.", valueName: "rate|none"))
        var rate: String?
        @Option(help: "What the limits are counted for: each organisation by itself, or all together.")
        var per: LimitScope?
        @Option(
            name: .customLong("retry-after-cap"),
            help: ArgumentHelp(
                "The longest wait that the platform's Retry-After may ask for, such as 10m; default: 1h.",
                valueName: "duration|default"))
        var retryAfterCap: String?
        @Option(
            name: .customLong("request-id"),
            help: ArgumentHelp("Whether X-Request-Id is sent: yes or no.", valueName: "yes|no"))
        var requestId: YesOrNo?
        @OptionGroup var database: DatabaseOptions

        func validate() throws {
            guard name.range(of: "^[A-Za-z][A-Za-z0-9_-]*$", options: .regularExpression) != nil else {
                throw ServiceTexts.noName(name)
            }
            for text in allowed where AddressRule(text) == nil { throw ServiceTexts.badNetwork(text) }
            if let baseURL, let problem = BaseURL.problem(baseURL) { throw ServiceTexts.badBaseURL(problem) }
            var record = ServiceRecord(name: name)
            try change(&record)
        }

        func run() async throws {
            try await Session.with(database) { session in
                var record = try await session.store.service(name) ?? ServiceRecord(name: name)
                try change(&record)
                try await session.store.setService(record)
                Console.out(ServiceTexts.isSet(name, baseURL: record.baseURL))
                if concurrent != nil || rate != nil || per != nil {
                    Console.out(ServiceTexts.limits(LimitText.text(record.limits)))
                }
                if per != nil, record.limits.isEmpty { Console.note(ServiceTexts.perAlone) }
                if let note = BaseURL.unreachable(record) { Console.note(note) }
            }
        }

        /// Writes what is named into the record.
        private func change(_ record: inout ServiceRecord) throws {
            if let baseURL { record.baseURL = baseURL }
            if !allowed.isEmpty { record.allowedAddresses = allowed }
            if let concurrent { record.limits.concurrent = try Self.concurrent(concurrent) }
            if let rate { record.limits.rate = try Self.rate(rate) }
            if let per { record.limits.per = per }
            if let retryAfterCap { record.retryAfterCapMilliseconds = try Self.cap(retryAfterCap) }
            if let requestId { record.sendsRequestId = requestId == .yes }
        }

        private static func concurrent(_ text: String) throws -> Int? {
            if text == "none" { return nil }
            guard let number = Int64(text), ServiceLimits.concurrentRange.contains(number) else {
                throw ServiceTexts.badConcurrent(text)
            }
            return Int(number)
        }

        private static func rate(_ text: String) throws -> RateLimit? {
            if text == "none" { return nil }
            do throws(RateLimit.Refusal) { return try RateLimit(text) } catch {
                throw ServiceTexts.badRate(text, error.hint)
            }
        }

        /// From one second to a week: what is shorter would ask again at once, what is longer nobody means.
        private static func cap(_ text: String) throws -> Int? {
            if text == "default" { return nil }
            guard let milliseconds = DurationText.milliseconds(text), (1000...604_800_000).contains(milliseconds) else {
                throw ServiceTexts.badCap(text)
            }
            return Int(milliseconds)
        }
    }

    enum YesOrNo: String, ExpressibleByArgument, CaseIterable { case yes, no }
}

extension LimitScope: ExpressibleByArgument {}
