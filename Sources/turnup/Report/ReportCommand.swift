import ArgumentParser
import Diagnostics
import EventStore
import Foundation
import WorkflowCore

struct Report: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Say what failed lately, by what it was due to, by service and organisation.",
        discussion: """
            The reasons are the verdicts that workers write down after each end (run.diagnosed); of a held run it is the \
            hold's code. The page of --html is one file with everything in it: it loads nothing, and has no script.

            Examples:
              turnup report --since 7d
              turnup report --since 30d --html report.html
            """)

    @Option(
        help: ArgumentHelp("What ended within this time (7d); what is held counts anyway.", valueName: "duration"))
    var since: DurationArgument?
    @Option(help: ArgumentHelp("Write a page with plots into this file.", valueName: "file")) var html: String?
    @Flag(help: "Print one JSON object.") var json = false
    @OptionGroup var database: DatabaseOptions

    private static let standardMilliseconds: Int64 = 7 * 86_400_000

    func run() async throws {
        try await Session.with(database) { session in
            let now = try await session.store.now()
            let report = try await session.store.report(
                since: now.advanced(byMilliseconds: -(since?.milliseconds ?? Self.standardMilliseconds)))
            if let html {
                do {
                    try Data(ReportPage.html(report).utf8).write(to: URL(fileURLWithPath: html), options: .atomic)
                } catch {
                    throw ReportTexts.unwritable(html, error)
                }
            }
            Console.out(json ? ReportJSON.line(report) : ReportTable.text(report))
            if let html { Console.note(ReportTexts.written(html)) }
        }
    }
}

/// The report as a table.
enum ReportTable {
    static func text(_ report: FleetReport) -> String {
        let head = ReportPage.head(report)
        guard !report.failures.isEmpty else { return head }
        var table = Table("RUNS", "VERDICT", "CONFIDENCE", "SERVICE", "ORGANISATION", "NEWEST RUN")
        for item in report.failures {
            table.add(
                String(item.runs), item.verdict, item.confidence ?? "-", item.service ?? "-", item.organisation,
                item.newest.description)
        }
        return head + "\n" + table.text
    }
}

/// The same for programs.
enum ReportJSON {
    static func line(_ report: FleetReport) -> String {
        JSONText.object([
            ("since", .time(report.since)), ("now", .time(report.now)), ("unread", .integer(report.unread)),
            (
                "statuses",
                .object(JSONObject(report.statuses.map { ($0.status.rawValue, .integer($0.runs)) }))
            ),
            (
                "failures",
                .array(
                    report.failures.map { item in
                        object([
                            ("verdict", .string(item.verdict)), ("confidence", .optional(item.confidence)),
                            ("service", .optional(item.service)), ("organisation", .string(item.organisation)),
                            ("runs", .integer(item.runs)), ("newest_run", .string(item.newest.description)),
                        ])
                    })
            ),
            (
                "days",
                .array(
                    report.days.map {
                        object([
                            ("day", .string($0.day)), ("verdict", .string($0.verdict)), ("runs", .integer($0.runs)),
                        ])
                    })
            ),
            (
                "retries",
                .array(report.retries.map { object([("retries", .integer($0.retries)), ("runs", .integer($0.runs))]) })
            ),
            (
                "services",
                .array(
                    report.services.map { service in
                        object([
                            ("name", .string(service.name)),
                            ("activation", ServiceStatisticsJSON.activation(Activations(service.ages))),
                        ])
                    })
            ),
        ])
    }

    private static func object(_ members: [(String, JSONValue)]) -> JSONValue { .object(JSONObject(members)) }
}
