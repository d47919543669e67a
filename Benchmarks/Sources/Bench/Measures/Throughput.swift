import Foundation
import Postgres

/// Runs of three requests each, answered at once.
struct Throughput {
    /// The built `turnup-bench-calls`.
    var calls: String
    var old: String?
    var pgqueuerPython: String?
    var runs = 30_000

    func run(_ bench: Bench) async throws {
        let report = bench.report
        report.begin("throughput", "\(runs) runs of three HTTP requests, all on the defaults")
        let rows = "\(bench.folder)/rows.csv"
        let lines = (0..<runs).map { "n\($0),academy-\($0 % 20)" }
        try ("n,organisation\n" + lines.joined(separator: "\n") + "\n")
            .write(toFile: rows, atomically: true, encoding: .utf8)

        let one = try await rate(bench, rows: rows)
        report.add("one worker", one, "runs/s", atLeast: 2000)
        let two = try await rate(bench, rows: rows, workers: 2)
        report.add("two workers", two, "runs/s")
        report.add("two workers against one", two / one, "times", atLeast: 1)
        if !calls.isEmpty {
            let empty = try await callsOfNothing(bench, rows: rows, program: calls)
            report.add("calls that do nothing, three a run", empty, "runs/s", atLeast: 4000)
        }
        if let old {
            let tuned = try await rate(bench, rows: rows, turnup: old, isTuned: true)
            report.add("the other turnup, 200 at once", tuned, "runs/s")
            let plain = try await rate(bench, rows: rows, turnup: old)
            report.add("the other turnup on its defaults", plain, "runs/s")
            report.add("against the other turnup with 200 at once", one / tuned, "times", atLeast: 1.15)
        }
        if let pgqueuerPython {
            let rival = try await pgqueuer(bench, python: pgqueuerPython)
            report.add("PgQueuer, three chained jobs", rival, "runs/s")
            report.add("against PgQueuer", one / rival, "times", atLeast: 3)
        }
    }

    /// Without the slower beginning and end.
    private func rate(
        _ bench: Bench, rows: String, workers: Int = 1, turnup: String? = nil, isTuned: Bool = false
    ) async throws -> Double {
        var rate = 0.0
        try await bench.withScene(turnup: turnup) { scene in
            try await scene.command("enqueue", "chain", "--from", rows)
            if isTuned { try await scene.command("service", "set", "quick", "--concurrent", "200") }
            try await scene.connection.execute("vacuum analyze")
            try await scene.settle()
            scene.answerer.forget()
            for _ in 0..<workers {
                if isTuned { try scene.startWorker("--concurrency", "200") } else { try scene.startWorker() }
            }
            try await scene.until("the last run", within: 1200) { scene.answerer.lastSteps.count >= runs }
            let times = scene.answerer.lastSteps
            let (first, last) = (runs / 10, runs * 9 / 10)
            rate = Double(last - first) / (Double(times[last] - times[first]) / 1e9)
            bench.report.note(
                String(
                    format: "  (processor time of workers: %.2f ms a run)", 1000 * scene.workerSeconds / Double(runs)))
            try await scene.stopWorkers()
            let ended = try await scene.count("select count(*) from turnup.run where status = 'succeeded'")
            guard ended == runs else { throw Failure("\(ended) of \(runs) runs have succeeded") }
        }
        return rate
    }

    private func callsOfNothing(_ bench: Bench, rows: String, program: String) async throws -> Double {
        var rate = 0.0
        try await bench.withScene { scene in
            try await scene.command("enqueue", "chain", "--from", rows)
            try await scene.connection.execute("vacuum analyze")
            try await scene.settle()
            let answer = try await Program(
                program, [scene.url, String(runs)], environment: Bench.environment, folder: bench.folder
            ).end()
            guard let number = Double(answer.trimmingCharacters(in: .whitespacesAndNewlines)) else {
                throw Failure("\(program) said: \(answer)")
            }
            rate = number
        }
        return rate
    }

    private func pgqueuer(_ bench: Bench, python: String) async throws -> Double {
        var rate = 0.0
        try await bench.withScene { scene in
            let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
                .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("pgqueuer-chain")
            let answer = try await Program(
                python, [script.path, scene.url, String(min(runs, 10_000))], environment: Bench.environment,
                folder: bench.folder
            ).end()
            guard let said = answer.split(separator: "\n").last, let number = Double(said) else {
                throw Failure("pgqueuer-chain said: \(answer)")
            }
            rate = number
        }
        return rate
    }
}
