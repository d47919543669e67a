import EventStore
import Logging
import WorkerMachines

/// Renews the leases of requests that take long. While one call is under way the next ones gather.
actor LeaseRenewer {
    private struct Waiting {
        let lease: LeaseRenewal
        let continuation: CheckedContinuation<RunMachine.RenewalAnswer, Never>
    }

    private let store: any EventStore
    private let logger: Logger
    private var waiting: [UInt64: Waiting] = [:]
    private var asked: Set<UInt64> = []
    private var last: UInt64 = 0

    init(store: any EventStore, logger: Logger) {
        self.store = store
        self.logger = logger
    }

    /// Who waits for an answer; tests look at it.
    var waitingCount: Int { waiting.count }

    /// Whoever is cancelled no longer waits: an answer of the platform must not wait for the database.
    func renew(_ lease: LeaseRenewal) async -> RunMachine.RenewalAnswer {
        last += 1
        let mine = last
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                guard !Task.isCancelled else { return continuation.resume(returning: .unknown) }
                waiting[mine] = Waiting(lease: lease, continuation: continuation)
                if asked.isEmpty { ask() }
            }
        } onCancel: {
            Task { await self.answer(mine, .unknown) }
        }
    }

    private func answer(_ ticket: UInt64, _ answer: RunMachine.RenewalAnswer) {
        waiting.removeValue(forKey: ticket)?.continuation.resume(returning: answer)
    }

    private func ask() {
        let batch = waiting.sorted { $0.key < $1.key }.map { ($0.key, $0.value.lease) }
        guard !batch.isEmpty else { return }
        asked = Set(batch.map(\.0))
        Task {
            do {
                let answers = try await store.renew(batch.map(\.1))
                for ((ticket, lease), isRenewed) in zip(batch, answers) {
                    answer(ticket, isRenewed ? .renewed(leaseMilliseconds: lease.leaseMilliseconds) : .refused)
                }
            } catch { logger.debug("leases could not be renewed", metadata: ["error": "\(error)"]) }
            for (ticket, _) in batch { answer(ticket, .unknown) }
            asked = []
            ask()
        }
    }
}
