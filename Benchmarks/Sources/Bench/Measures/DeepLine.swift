import Postgres

/// Many runs behind one slow service: what each request costs, and what others feel of it.
struct DeepLine {
    var waiting = 100_000
    var seconds = 20.0
    var probes = 500

    /// Answers the p99 of the others' start.
    @discardableResult
    func run(_ bench: Bench) async throws -> Double {
        let report = bench.report
        report.begin("deep-line", "\(waiting) runs wait for a service that takes 0.2 s a request")
        var startP99 = 0.0
        try await bench.withScene { scene in
            try await scene.fill(Filling(workflow: "slow", count: waiting))
            try await cost(scene)
            try scene.startWorker()
            try await scene.untilRequests(scene.answerer.requests + 1)
            try await Clock.pause(seconds: 3)
            startP99 = try await starts(scene)
            try await pauses(scene)
            try await scene.stopWorkers()
        }
        return startP99
    }

    private func cost(_ scene: Scene) async throws {
        try await scene.settle()
        try await scene.bench.administrator.execute("select public.pg_stat_statements_reset()")
        let before = try await scene.counters()
        scene.answerer.forget()
        try scene.startWorker()
        try await scene.untilRequests(1)
        let began = Clock.monotonic
        try await Clock.pause(seconds: seconds)
        let span = Double(Clock.monotonic - began) / 1e9
        let rate = Double(scene.answerer.requests) / span
        try await scene.stopWorkers()
        let after = try await scene.counters()
        scene.bench.report.add("requests", rate, "/s")
        try await scene.report(after - before, from: before, to: after, requests: scene.answerer.requests)
    }

    /// Runs of another service, one at a time.
    private func starts(_ scene: Scene) async throws -> Double {
        var (fromCall, fromReturn) = (Latencies(), Latencies())
        for number in 0..<probes {
            let times = try await scene.sendProbe("p\(number)")
            fromCall.record(from: times.called, to: times.arrived)
            fromReturn.record(from: times.returned, to: times.arrived)
            try await Clock.pause(seconds: .random(in: 0.01...0.03))
        }
        let report = scene.bench.report
        report.add("start of another service's run, from enqueue's return", fromReturn, p99: 20)
        report.add("start of another service's run, from enqueue's call", fromCall)
        return fromReturn.p99
    }

    private func pauses(_ scene: Scene) async throws {
        let pause = try await Clock.milliseconds {
            try await scene.connection.query("select turnup.pause_service('sluggish', null, 'bench', 'bench')")
        }
        try await Clock.pause(seconds: 1)
        let resume = try await Clock.milliseconds {
            try await scene.connection.query("select turnup.resume_service('sluggish')")
        }
        scene.bench.report.add("pause, with all of them waiting", pause, "ms", atMost: 10)
        scene.bench.report.add("resume", resume, "ms", atMost: 10)
    }
}

extension Scene {
    /// What was left to do for autovacuum and the disk is done.
    func settle() async throws {
        try await bench.administrator.execute("checkpoint")
        try await Clock.pause(seconds: 1)
    }

    /// What each request has cost, against what it may.
    func report(
        _ cost: Counters, from before: Counters, to after: Counters, requests: Int, slack: Double = 0.02
    ) async throws {
        let count = Double(max(1, requests))
        let statements = try await statementTotals()
        let images = try await imageBytes(from: before.walPosition, to: after.walPosition)
        let report = bench.report
        // A start and a stop of the worker are in these numbers, too: the slack.
        report.add("task versions per request", Double(cost.updated("task")) / count, "", atMost: 1 + slack)
        report.add("task rows deleted per request", Double(cost.deleted("task")) / count, "")
        report.add("lease inserts per request", Double(cost.inserted("lease")) / count, "", atMost: 1 + slack)
        report.add("lease updates per request", Double(cost.updated("lease")) / count, "", atMost: 1 + slack)
        report.add("lease deletes per request", Double(cost.deleted("lease")) / count, "", atMost: 1 + slack)
        report.add("line updates per request", Double(cost.updated("line")) / count, "")
        report.add("run updates per request", Double(cost.updated("run")) / count, "")
        report.add("notes per request", Double(cost.inserted("note")) / count, "")
        report.add("events per request", Double(cost.inserted("event")) / count, "")
        report.add("transactions per request", Double(cost.transactions) / count, "", atMost: 3)
        report.add("statements per request", Double(statements.calls) / count, "", atMost: 3)
        report.add("buffers per request", Double(statements.buffers) / count, "")
        report.add("server's time per request", statements.milliseconds / count, "ms")
        report.add("WAL per request outside page images", Double(cost.walBytes - images) / count, "B", atMost: 4608)
        report.add("page images per request", Double(images) / count, "B")
    }
}
