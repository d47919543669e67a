import Foundation
import Postgres

/// What a claim of 64 reads among many live runs, in a session that has claimed before.
struct Claims {
    var live = 1_000_000
    /// Of each half of the measurement with somebody's long snapshot.
    var seconds = 30.0
    var withSnapshot = true

    func run(_ bench: Bench) async throws {
        bench.report.begin("claims", "claims of 64 among \(live) live runs")
        try await bench.withScene { scene in
            try await scene.fill(Filling(workflow: "slow", count: live * 9 / 10, organisation: "'big'"))
            let organisations = max(100, live / 100)
            try await scene.fill(
                Filling(workflow: "probe", count: live / 10, organisation: "'o' || i % \(organisations)"))
            // Each claim takes in up to 5,000 notes.
            for _ in 0...(organisations / 5000 + 1) { _ = try await Claiming(scene, "quick").claim() }
            try await buffers(scene, "sluggish", "from one organisation", atMost: 640)
            try await buffers(scene, "quick", "from 64 organisations", atMost: 1700)
            try await scene.command("service", "set", "sluggish", "--concurrent", "32", "--per", "organisation")
            try await exhaust(scene)
            try await buffers(scene, "sluggish", "the organisation's limit is exhausted", atMost: 30, given: 0)
            try await scene.command("service", "set", "sluggish", "--per", "all")
            try await exhaust(scene)
            try await buffers(scene, "sluggish", "the service's limit is exhausted", atMost: 30, given: 0)
            try await scene.command("service", "set", "sluggish", "--concurrent", "none")
            try await scene.command("service", "pause", "sluggish", "--reason", "bench")
            try await buffers(scene, "sluggish", "the service is paused", atMost: 30, given: 0)
        }
        if withSnapshot { try await snapshot(bench) }
    }

    /// As many leases as the limit lets through.
    private func exhaust(_ scene: Scene) async throws {
        try await scene.connection.execute("delete from turnup.lease where service = 'sluggish'")
        try await scene.connection.execute("vacuum turnup.lease")
        try await scene.connection.execute(
            "insert into turnup.note (service, organisation, is_freed) values ('sluggish', 'big', true)")
        let got = try await Claiming(scene, "sluggish").claim()
        guard got == 32 else { throw Failure("a claim under a limit of 32 gave \(got) runs") }
    }

    private func buffers(
        _ scene: Scene, _ service: String, _ what: String, atMost: Double, given: Int = 64
    ) async throws {
        let claiming = try await Claiming(scene, service)
        // Plans are made, pages are read.
        for _ in 0..<6 { _ = try await claiming.claim() }
        var costs: [(buffers: Int, milliseconds: Double)] = []
        for _ in 0..<9 {
            let got = try await claiming.claim()
            guard got == given else { throw Failure("\(what): a claim gave \(got) runs, not \(given)") }
            costs.append(try await claiming.explain())
        }
        costs.sort { $0.buffers < $1.buffers }
        scene.bench.report.add("\(what): buffers", Double(costs[4].buffers), "", atMost: atMost)
        scene.bench.report.add("\(what): time", costs.map(\.milliseconds).sorted()[4], "ms")
    }

    /// The same worker at full speed, without and with a snapshot that another session keeps.
    private func snapshot(_ bench: Bench) async throws {
        try await bench.withScene { scene in
            try await scene.fill(
                Filling(workflow: "single", count: Int(max(2000, seconds * 9000)), organisation: "'o' || i % 20"))
            try scene.startWorker()
            try await scene.untilRequests(200)
            try await Clock.pause(seconds: min(5, seconds / 3))
            let without = try await scene.rate(over: seconds / 2)
            let other = try await PostgresConnection.connect(PostgresConfiguration(connectionString: scene.url))
            try await other.execute("begin isolation level repeatable read; select count(*) from turnup.service")
            try await Clock.pause(seconds: seconds / 2)
            let with = try await scene.rate(over: seconds / 2)
            await other.close()
            try await scene.stopWorkers()
            bench.report.add("requests at full speed", without, "/s")
            bench.report.add("the same, \(Int(seconds)) s into another session's snapshot", with, "/s")
            bench.report.add("cost of the snapshot", 100 * (1 - with / without), "%", atMost: 40)
        }
    }
}

/// A worker's session that claims from one service, and remembers its bounds like a worker.
private final class Claiming {
    private let connection: PostgresConnection
    private let service: String
    private var bounds = "'{}', '{}', '{}'"

    init(_ scene: Scene, _ service: String) async throws {
        connection = try await PostgresConnection.connect(PostgresConfiguration(connectionString: scene.url))
        self.service = service
    }

    private var sql: String {
        // A lease so long that none ends meanwhile.
        "select * from turnup.claim('bench', 3600000, 64, 0, '{\(service)}', '{64}', \(bounds))"
    }

    /// Answers how many runs it got.
    func claim() async throws -> Int {
        let rows = try await connection.query(sql)
        for row in rows where try row.stringOrNil("run_id") == nil {
            guard try row.string("service") == service else { continue }
            let ready = try row.intOrNil("ready_bound").map(String.init) ?? "null"
            bounds = "'{\(service)}', '{\(ready)}', '{\(try row.stringOrNil("note_bound") ?? "0")}'"
        }
        return try rows.count { try $0.stringOrNil("run_id") != nil }
    }

    func explain() async throws -> (buffers: Int, milliseconds: Double) {
        let text = try await connection.execute("explain (analyze, buffers, format json) \(sql)")[0].onlyRow().string(0)
        let parsed = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [[String: Any]]
        guard let plan = parsed?.first?["Plan"] as? [String: Any], let hit = plan["Shared Hit Blocks"] as? Int,
            let read = plan["Shared Read Blocks"] as? Int, let time = parsed?.first?["Execution Time"] as? Double
        else { throw Failure("the plan cannot be read: \(text)") }
        return (hit + read, time)
    }
}
