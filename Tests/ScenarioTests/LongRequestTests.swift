import EventStore
import Foundation
import PlatformSimulator
import Testing
import WorkflowCore

/// Requests that take longer than the lease of the worker that sends them.
@Suite(.timeLimit(.minutes(10))) struct LongRequestTests {
    @Test func `an answer after 8 s under leases of 3 s: done on the first attempt, and no other worker takes the run`()
        async throws
    {
        try await Installation.with { installation in
            _ = installation.simulator.addFaults([
                FaultRule(
                    name: "slow", match: Installation.create, trigger: .nth(1),
                    effect: .delay(milliseconds: 8000, moment: .after))
            ])
            let run = try await installation.enqueue("+34600111222")
            try await installation.withWorker(leaseSeconds: 3) { _ in
                try await installation.withWorker(leaseSeconds: 3) { _ in
                    try await installation.reaches(.succeeded, run)
                }
            }
            #expect(installation.requests(Installation.create).count == 1)
            #expect(
                try await installation.types(run) == [
                    "run.requested", "attempt.started", "attempt.done", "state.entered", "attempt.started",
                    "attempt.done", "run.succeeded",
                ])
            let events = try await installation.events(run)
            let (start, end) = (events[1], events[2])
            #expect(end.recordedAt.milliseconds(since: start.recordedAt) >= 8000, "the delay did not happen")
            #expect(start.epoch == end.epoch)
            try await Checker.check(installation)
        }
    }
}
