import WorkflowCore

@testable import EventStore

extension InMemoryStore {
    /// Another worker has the run from now on, as after the end of a lease, and keeps it.
    func steal(_ id: Identifier) {
        runs[id]?.epoch += 1
        tasks[id]?.owner = "worker:other"
        tasks[id]?.expires = now().advanced(byMilliseconds: 3_600_000)
    }

    /// Runs that a worker of the test still has in hand.
    var leased: Int { tasks.values.count { $0.owner != nil && $0.owner != "worker:other" } }

    /// An event that only a newer version of the program can write.
    func appendUnknownType(_ id: Identifier) {
        record(id, "run.teleported", [:], epoch: runs[id]?.epoch ?? 0, attemptId: nil, actor: "person:ana", at: now())
    }
}
