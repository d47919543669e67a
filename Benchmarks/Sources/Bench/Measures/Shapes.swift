import ArgumentParser
import Postgres

struct Shapes: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "shapes",
        abstract: "The short form: row versions, transactions and buffers, which no machine's speed changes.")

    @OptionGroup var place: Place

    func run() async throws {
        try await place.run(isDurable: false) { bench in
            try await line(bench)
            var claims = Claims()
            claims.live = 20_000
            claims.withSnapshot = false
            try await claims.run(bench)
        }
    }

    private func line(_ bench: Bench) async throws {
        let requests = 2000
        bench.report.begin("line", "what \(requests) requests cost when 5,000 runs wait for a slow service")
        try await bench.withScene(slowMilliseconds: 100) { scene in
            try await scene.fill(Filling(workflow: "slow", count: 5000))
            try await scene.bench.administrator.execute("select public.pg_stat_statements_reset()")
            let before = try await scene.counters()
            try scene.startWorker()
            try await scene.untilRequests(requests)
            try await scene.stopWorkers()
            let after = try await scene.counters()
            try await scene.report(
                after - before, from: before, to: after, requests: scene.answerer.requests, slack: 0.2)

            // With thousands still waiting.
            try await scene.command("service", "pause", "sluggish", "--reason", "bench")
            try await scene.command("service", "resume", "sluggish")
            let paused = try await scene.counters() - after
            let rows = ["task", "lease", "line", "run", "note"].map { paused.updated($0) + paused.deleted($0) }
            bench.report.add("rows of the queue touched by pause and resume", Double(rows.reduce(0, +)), "", atMost: 0)
            bench.report.add(
                "service rows written by pause and resume", Double(paused.updated("service_state")), "", atMost: 2)
        }
    }
}
