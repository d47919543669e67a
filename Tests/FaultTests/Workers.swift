import EventStore
import Foundation
import PlatformSimulator
import Postgres
import TestSupport
import Testing
import WorkflowCore

@testable import ScenarioTests

extension Installation {
    /// A worker of its own name, which checks the database every other second, so that this has its share of the faults
    /// and its memory is soon warm; `crashPoint` is what `TURNUP_CRASH_POINT` says.
    func startWorker(
        named name: String, leaseSeconds: Double = 2, concurrency: Int = 256, crashPoint: String? = nil
    ) throws -> TurnupProcess {
        try TurnupProcess(
            [
                "worker", "--name", name, "--lease-seconds", "\(leaseSeconds)", "--poll-milliseconds", "100",
                "--concurrency", "\(concurrency)", "--verify-seconds", "2",
            ], environment: environment.merging(crashPoint.map { ["TURNUP_CRASH_POINT": $0] } ?? [:]) { $1 })
    }

    /// A lease with which no request is broken off on a busy machine; `endLeases` spares the wait for its end.
    static let generousLeaseSeconds = 60.0

    /// Ends the leases of workers that are dead for certain, as time would.
    func endLeases() async throws {
        _ = try await database.pool.query(
            "update turnup.lease set expires = turnup.now()")
    }

    /// Waits until no run is live any more.
    func settles(seconds: Double, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let isSettled = try await eventually(seconds: seconds) { try await count("status = 'live'") == 0 }
        #expect(isSettled, "some runs are still live", sourceLocation: sourceLocation)
    }

    func count(_ condition: String) async throws -> Int64 {
        try await database.pool.query("select count(*) from turnup.run where \(condition)", readOnly: true)
            .onlyRow().int(0)
    }

    /// More requests to the platform at a time than a test has runs.
    func allowManyRequests() async throws {
        var service = try #require(try await store.service("wpp"))
        service.limits.concurrent = 1000
        try await store.setService(service)
    }
}
