import Foundation
import Glibc
import LocalPostgres
import Postgres

/// How soon things happen when nothing is in their way, and how fast runs come in.
struct Latency {
    var probes = 1000
    var sleeping = 1_000_000
    var due = 2000
    var rows = 40_000

    func run(_ bench: Bench) async throws {
        let report = bench.report
        report.begin("latency", "start, lateness, enqueues")
        let flush = try flushes(in: bench.server.directory)
        report.add("flush of a page to the disk", flush)
        try await bench.withScene { scene in
            try scene.startWorker()
            _ = try await scene.sendProbe("first")
            try await idle(scene, flush: flush)
        }
        try await lateness(bench)
        try await singles(bench, workflow: "slow", while: "a worker claims from their line", atLeast: 4000)
        try await singles(bench, workflow: "single", while: "a worker runs them at full speed")
        try await bulk(bench)
    }

    private func flushes(in folder: String) throws -> Latencies {
        let path = "\(folder)/flush"
        let file = open(path, O_CREAT | O_RDWR, 0o600)
        guard file >= 0 else { throw Failure("the file \(path) cannot be made") }
        defer {
            close(file)
            unlink(path)
        }
        var latencies = Latencies()
        let page = [UInt8](repeating: 7, count: 8192)
        for _ in 0..<500 {
            let began = Clock.monotonic
            guard pwrite(file, page, page.count, 0) == page.count, fdatasync(file) == 0 else {
                throw Failure("the file \(path) cannot be written")
            }
            latencies.record(from: began, to: Clock.monotonic)
        }
        return latencies
    }

    private func idle(_ scene: Scene, flush: Latencies) async throws {
        var (fromCall, fromReturn) = (Latencies(), Latencies())
        for number in 0..<probes {
            try await Clock.pause(seconds: .random(in: 0.005...0.02))
            let times = try await scene.sendProbe("i\(number)")
            fromCall.record(from: times.called, to: times.arrived)
            fromReturn.record(from: times.returned, to: times.arrived)
        }
        scene.bench.report.add(
            "idle: enqueue's call to first byte", fromCall, p50: 2, p99: 2 + 3 * flush.p99)
        scene.bench.report.add("idle: enqueue's return to first byte", fromReturn)
    }

    private func lateness(_ bench: Bench) async throws {
        try await bench.withScene { scene in
            try await scene.fill(
                Filling(
                    workflow: "probe", count: sleeping, organisation: "'o' || i % 100",
                    due: "moment + interval '1 day' + i * interval '1 millisecond'"))
            try await scene.settle()
            try scene.startWorker()
            _ = try await scene.sendProbe("first")
            // Two hundred a second, after a moment in which the last of them come in.
            try await scene.connection.query(
                """
                select count(*)
                from (select turnup.now() as moment) as m, generate_series(1, $1::integer) as i,
                  lateral turnup.enqueue('probe', 'o' || i % 100, json_build_object('n', 'due' || i),
                    due => m.moment + interval '4 seconds' + i * interval '5 milliseconds')
                """, [.int(Int64(due))], timeout: .seconds(60))
            let dues = try await scene.connection.query(
                """
                select r.key, turnup.microseconds(t.due) as due from turnup.run r join turnup.task t on t.run_id = r.id
                where r.key like 'due%'
                """)
            let expected = try Dictionary(
                uniqueKeysWithValues: dues.map { (try $0.string("key"), UInt64(try $0.int("due")) * 1000) })
            try await scene.until("the runs that come due", within: 60 + Double(due) / 100) {
                scene.answerer.probes.count > due
            }
            var lateness = Latencies()
            for (name, seen) in scene.answerer.probes {
                guard let due = expected[name] else { continue }
                lateness.record(from: due, to: seen.wall)
            }
            try await scene.stopWorkers()
            bench.report.add("lateness of \(due) due among \(sleeping) sleeping", lateness, p99: 10)
        }
    }

    private func singles(
        _ bench: Bench, workflow: String, while what: String, atLeast: Double? = nil
    ) async throws {
        try await bench.withScene { scene in
            let script = "\(bench.folder)/\(workflow).sql"
            try """
            \\set organisation random(1, 1000)
            select turnup.enqueue('\(workflow)', 'o' || :organisation, json_build_object('n', gen_random_uuid()));

            """.write(toFile: script, atomically: true, encoding: .utf8)
            try await scene.fill(Filling(workflow: workflow, count: 1000))
            try scene.startWorker()
            try await scene.untilRequests(1)
            let text = try await bench.serverProgram(
                "pgbench",
                [
                    "--no-vacuum", "--protocol=prepared", "--client=8", "--jobs=2", "--transactions=\(rows / 8)",
                    "--file=\(script)", scene.url,
                ]
            ).end()
            guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix("tps = ") }),
                let rate = line.split(separator: " ").dropFirst(2).first.flatMap({ Double($0) })
            else { throw Failure("pgbench said: \(text)") }
            try await scene.stopWorkers()
            bench.report.add("single enqueues, 8 connections, \(what)", rate, "rows/s", atLeast: atLeast)
        }
    }

    /// The script makes a server of its own, and compares with plain COPY.
    private func bulk(_ bench: Bench) async throws {
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("bulk-enqueue")
        let text = try await Program(
            script.path, [String(rows * 5 / 2)],
            environment: Bench.environment.merging(["TURNUP": bench.turnup]) { $1 },
            folder: bench.folder
        ).end()
        guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix("turnup enqueue") }) else {
            throw Failure("bulk-enqueue said: \(text)")
        }
        let words = line.split(separator: " ")
        guard let rate = words.firstIndex(of: "rows/s"), let share = words.firstIndex(of: "%"),
            let rows = Double(words[rate - 1]), let percent = Double(words[share - 1])
        else { throw Failure("bulk-enqueue said: \(line)") }
        bench.report.add("enqueue --from a file", rows, "rows/s")
        bench.report.add("enqueue --from a file against COPY", percent, "%", atLeast: 60)
    }
}
