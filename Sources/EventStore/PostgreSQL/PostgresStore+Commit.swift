import Postgres
import Vault
import WorkflowCore

extension PostgresStore {
    public func commit(_ commits: [RunCommit], worker: String, leaseMilliseconds: Int64) async throws
        -> [CommitAnswer]
    {
        let batch = CommitBatch(commits)
        let rows = try await naming(lockedAmong: commits) {
            try await query(
                """
                select place, answer, recorded_microseconds from turnup.commit(
                  $1, $2::bigint, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15,
                  $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28)
                """, [.text(worker), .int(leaseMilliseconds)] + batch.parameters, label: "commit")
        }
        return try decoded {
            var answers = [CommitAnswer](repeating: .fenced, count: commits.count)
            for row in rows {
                let index = Int(try row.int("place")) - 1
                guard answers.indices.contains(index) else { continue }
                let time = try row.instant("recorded_microseconds")
                switch try row.string("answer") {
                case "accepted": answers[index] = .accepted(at: time)
                case "already": answers[index] = .already(at: time)
                case "behind": answers[index] = .behind
                default: answers[index] = .fenced
                }
            }
            return answers
        }
    }
}

extension PostgresStore {
    /// Looks which of the runs are locked when a commit had to wait for too long.
    private func naming(lockedAmong commits: [RunCommit], _ body: () async throws -> PostgresRows) async throws
        -> PostgresRows
    {
        do { return try await body() } catch var error as StoreError where error.code == .busy {
            // Run rows before task rows, like everybody; the locks are gone again when the statement ends.
            let rows = try await query(
                """
                with run as materialized (select id from turnup.run where id = any($1) for update skip locked),
                  task as materialized (select run_id from turnup.task where run_id = any($1) for update skip locked)
                select given.id from unnest($1) as given(id)
                where given.id not in (select id from run)
                  or exists (select from turnup.task t where t.run_id = given.id)
                    and given.id not in (select run_id from task)
                """, [.uuidArray(commits.map { PostgresUUID($0.runId) })], label: "look for locked runs")
            error.lockedRuns = try decoded { Set(try rows.map { try $0.identifier("id") }) }
            throw error
        }
    }
}

/// Many commits as the parallel arrays that `turnup.commit` takes.
private struct CommitBatch {
    private let commits: [RunCommit]
    private var eventRuns: [Int64] = []
    private var events: [NewEvent] = []
    private var secretRuns: [Int64] = []
    private var secrets: [SealedSecret] = []
    private var snapshots: [Snapshot] = []

    init(_ commits: [RunCommit]) {
        self.commits = commits
        for (index, commit) in commits.enumerated() {
            let place = Int64(index + 1)
            eventRuns += commit.events.map { _ in place }
            events += commit.events
            secretRuns += commit.sealed.map { _ in place }
            secrets += commit.sealed
            snapshots.append(commit.state.snapshot)
        }
    }

    var parameters: [PostgresValue] { runs + eventArrays + secretArrays }

    private var runs: [PostgresValue] {
        [
            .uuidArray(commits.map { PostgresUUID($0.runId) }),
            .intArray(commits.map(\.epoch)),
            .intArray(commits.map(\.baseSeq)),
            .textArray(commits.map(\.state.state)),
            .textArray(commits.map(\.state.status.rawValue)),
            .textArray(commits.map(\.state.reason)),
            .boolArray(commits.map(\.state.holdsKey)),
            .textArray(snapshots.map { $0.json.serialized() }),
            .textArray(snapshots.map { "{" + $0.times.map(String.init).joined(separator: ",") + "}" }),
            .intArray(commits.map(\.dueMilliseconds)),
            .boolArray(commits.map(\.keepsLease)),
            .textArray(commits.map(\.service)),
            .textArray(commits.map(\.waiting)),
            .intArray(commits.map(\.deadlineMilliseconds)),
        ]
    }

    private var eventArrays: [PostgresValue] {
        [
            .intArray(eventRuns),
            .textArray(events.map(\.type.rawValue)),
            .textArray(events.map { JSONValue.object($0.body).serialized() }),
            .uuidArray(events.map { $0.attemptId.map { PostgresUUID($0) } }),
        ]
    }

    private var secretArrays: [PostgresValue] {
        [
            .intArray(secretRuns),
            .textArray(secrets.map(\.place.name)),
            .intArray(secrets.map { Int64($0.place.version) }),
            .textArray(secrets.map(\.keyId)),
            .bytesArray(secrets.map(\.nonce)),
            .bytesArray(secrets.map(\.ciphertext)),
            .bytesArray(secrets.map(\.fingerprint.bytes)),
            .intArray(secrets.map { Int64($0.length) }),
        ]
    }
}
