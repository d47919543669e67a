import ArgumentParser
import Foundation

@main
struct Main: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "turnup-bench", abstract: "Measures Turnup on a PostgreSQL and a platform of its own.",
        discussion: """
            Everything runs on this machine, so read figures of one run against each other. Exit code 1: a bar was \
            missed.
            """,
        subcommands: [Long.self, Shapes.self])
}

struct Place: ParsableArguments {
    @Option(help: ArgumentHelp("The turnup program to measure.", valueName: "path"))
    var turnup = ".build/release/turnup"
    @Option(help: ArgumentHelp("Where the figures go as JSON.", valueName: "path")) var json: String?

    func run(isDurable: Bool, _ body: (Bench) async throws -> Void) async throws {
        let report = Report()
        let bench = try await Bench(turnup: turnup, isDurable: isDurable, report: report)
        do {
            try await body(bench)
        } catch {
            try? await bench.end()
            if let json { try report.write(to: json) }
            throw error
        }
        try await bench.end()
        if let json { try report.write(to: json) }
        let missed = report.missed
        guard missed.isEmpty else {
            print("\n\(missed.count) of \(report.figures.count { $0.bar != nil }) bars were missed.")
            throw ExitCode(1)
        }
        print("\nAll \(report.figures.count { $0.bar != nil }) bars were met.")
    }
}

/// What to measure.
enum Measure: String, CaseIterable, ExpressibleByArgument {
    case deepLine = "deep-line"
    case throughput, latency, claims, lists, diagnosis
}

struct Long: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "The long form: every figure, some of them with a million rows.")

    @Argument(help: "What to measure; all when nothing is named.") var measures: [Measure] = Measure.allCases
    @OptionGroup var place: Place
    @Option(help: "A part of the rows and of the time, to see whether everything works.") var scale = 1.0
    @Flag(help: "The deep line with 1,000,000 runs, too.") var million = false
    @Option(help: ArgumentHelp("Another turnup to compare the throughput with.", valueName: "path"))
    var old: String?
    @Option(help: ArgumentHelp("The worker whose calls do nothing; \"\" leaves that out.", valueName: "path"))
    var calls = "Benchmarks/.build/release/turnup-bench-calls"
    @Option(help: ArgumentHelp("A Python that has PgQueuer and asyncpg, to compare with.", valueName: "path"))
    var pgqueuerPython: String?

    func run() async throws {
        try await place.run(isDurable: true) { bench in
            for measure in measures {
                switch measure {
                case .deepLine: try await deepLine(bench)
                case .throughput:
                    var throughput = Throughput(calls: calls, old: old, pgqueuerPython: pgqueuerPython)
                    throughput.runs = scaled(throughput.runs)
                    try await throughput.run(bench)
                case .latency:
                    var latency = Latency()
                    latency.sleeping = scaled(latency.sleeping)
                    latency.due = scaled(latency.due)
                    latency.rows = scaled(latency.rows)
                    try await latency.run(bench)
                case .claims:
                    var claims = Claims()
                    claims.live = scaled(claims.live)
                    claims.seconds = max(4, claims.seconds * scale)
                    try await claims.run(bench)
                case .lists:
                    var lists = Lists()
                    lists.ended = scaled(lists.ended)
                    lists.live = scaled(lists.live)
                    try await lists.run(bench)
                case .diagnosis:
                    var diagnosis = Diagnosis()
                    diagnosis.runs = scaled(diagnosis.runs)
                    try await diagnosis.run(bench)
                }
            }
        }
    }

    private func deepLine(_ bench: Bench) async throws {
        var line = DeepLine()
        line.waiting = scaled(line.waiting)
        line.seconds = max(3, line.seconds * scale)
        line.probes = scaled(line.probes)
        let base = try await line.run(bench)
        guard million else { return }
        line.waiting = scaled(1_000_000)
        let deep = try await line.run(bench)
        bench.report.add("p99 of the start against 100,000 waiting", deep / base, "times", atMost: 1.5)
    }

    private func scaled(_ number: Int) -> Int { max(20, Int(Double(number) * scale)) }
}
