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
                CommitBatch.statement, [.text(worker), .int(leaseMilliseconds)] + batch.parameters.map(\.value),
                label: "commit", lane: .commits)
        }
        return try decoded {
            var answers = [CommitAnswer](repeating: .fenced, count: commits.count)
            for row in rows {
                let index = Int(try row.int("place")) - 1
                guard answers.indices.contains(index) else { continue }
                switch try row.string("answer") {
                case "accepted":
                    answers[index] = .accepted(
                        at: try row.instant("recorded_microseconds"), hash: try row.bytes("hash"))
                case "already":
                    answers[index] = .already(at: try row.instant("recorded_microseconds"), hash: try row.bytes("hash"))
                case "behind": answers[index] = .behind
                case "no_permit": answers[index] = .noPermit
                case "contradicted": answers[index] = .contradicted(by: try row.identifier("other"))
                default: answers[index] = .fenced
                }
            }
            return answers
        }
    }
}

extension PostgresStore {
    /// Finds the locked runs of a batch whose commit had to wait too long for a lock.
    private func naming(lockedAmong commits: [RunCommit], _ body: () async throws -> PostgresRows) async throws
        -> PostgresRows
    {
        do { return try await body() } catch var error as StoreError where error.code == .busy {
            // Task rows first, as everywhere. The end of the statement releases its own locks.
            let rows = try await query(
                """
                with task as materialized (select run_id from turnup.task where run_id = any($1) for update skip locked),
                  lease as materialized (select run_id from turnup.lease where run_id = any($1) for update skip locked),
                  run as materialized (select id from turnup.run where id = any($1) for update skip locked)
                select given.id from unnest($1) as given(id)
                where given.id not in (select id from run)
                  or exists (select from turnup.task t where t.run_id = given.id)
                    and given.id not in (select run_id from task)
                  or exists (select from turnup.lease l where l.run_id = given.id)
                    and given.id not in (select run_id from lease)
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
    private var things: [(run: Int64, service: String, identity: String?)] = []
    private var snapshots: [Snapshot] = []

    init(_ commits: [RunCommit]) {
        self.commits = commits
        for (index, commit) in commits.enumerated() {
            let place = Int64(index + 1)
            eventRuns += commit.events.map { _ in place }
            events += commit.events
            secretRuns += commit.sealed.map { _ in place }
            secrets += commit.sealed
            for event in commit.events {
                if let thing = event.thing { things.append((place, thing.service, thing.identity)) }
                if let service = event.emptyListOf { things.append((place, service, nil)) }
            }
            snapshots.append(commit.state.snapshot)
        }
    }

    /// Each array is passed by the name of its parameter, so that no array can take another's place.
    typealias Parameter = (name: String, value: PostgresValue)

    static let statement: String = {
        let names = CommitBatch([]).parameters.map(\.name)
        let arrays = names.enumerated().map { ", \($1) => $\($0 + 3)" }.joined()
        return "select place, answer, recorded_microseconds, hash, other from turnup.commit("
            + "worker => $1, lease_milliseconds => $2::bigint\(arrays))"
    }()

    var parameters: [Parameter] { runs + states + reports + eventArrays + secretArrays + thingArrays }

    private var runs: [Parameter] {
        [
            ("run_ids", .uuidArray(commits.map { PostgresUUID($0.runId) })),
            ("tokens", .uuidArray(commits.map { PostgresUUID($0.token) })),
            ("epochs", .intArray(commits.map(\.epoch))),
            ("base_seqs", .intArray(commits.map(\.baseSeq))),
            ("base_hashes", .bytesArray(commits.map(\.baseHash))),
            ("due_milliseconds", .intArray(commits.map(\.dueMilliseconds))),
            ("keeps_lease", .boolArray(commits.map(\.keepsLease))),
            ("renews_lease", .boolArray(commits.map(\.renewsLease))),
            ("services", .textArray(commits.map(\.service))),
            ("wait_reasons", .textArray(commits.map(\.waitReason?.rawValue))),
            ("deadline_milliseconds", .intArray(commits.map(\.deadlineMilliseconds))),
        ]
    }

    private var states: [Parameter] {
        [
            ("states", .textArray(commits.map(\.state.state))),
            ("statuses", .textArray(commits.map(\.state.status.rawValue))),
            ("reasons", .textArray(commits.map(\.state.reason))),
            // An error after which no retry follows stands apart in the state, as `gaveUp`.
            ("last_errors", .textArray(commits.map { $0.state.lastError ?? $0.state.gaveUp?.error })),
            ("owns_keys", .boolArray(commits.map(\.state.ownsKey))),
            ("may_be_left", .boolArray(commits.map(\.state.mayBeLeft))),
            ("has_tasks", .boolArray(commits.map(\.state.hasTask))),
            ("inspections", .textArray(commits.map(\.state.inspection?.verdict?.rawValue))),
            ("snapshots", .textArray(snapshots.map { $0.json.serialized() })),
            ("run_times", .textArray(snapshots.map { "{" + $0.times.map(String.init).joined(separator: ",") + "}" })),
            ("secret_flags", .boolArray(commits.map { !$0.state.secrets.isEmpty })),
        ]
    }

    private var reports: [Parameter] {
        [
            ("findings", .textArray(commits.map(\.report?.finding.rawValue))),
            ("finding_services", .textArray(commits.map(\.report?.service))),
            ("finding_reasons", .textArray(commits.map(\.report?.reason))),
            ("asked_milliseconds", .intArray(commits.map(\.report?.askedMilliseconds))),
            ("pause_milliseconds", .intArray(commits.map(\.report?.pauseMilliseconds))),
        ]
    }

    private var eventArrays: [Parameter] {
        [
            ("event_runs", .intArray(eventRuns)),
            ("event_types", .textArray(events.map(\.type.rawValue))),
            ("event_bodies", .textArray(events.map { JSONValue.object($0.body).serialized() })),
            ("event_attempts", .uuidArray(events.map { $0.attemptId.map { PostgresUUID($0) } })),
        ]
    }

    private var thingArrays: [Parameter] {
        [
            ("thing_runs", .intArray(things.map(\.run))),
            ("thing_services", .textArray(things.map(\.service))),
            ("thing_identities", .textArray(things.map(\.identity))),
        ]
    }

    private var secretArrays: [Parameter] {
        [
            ("secret_runs", .intArray(secretRuns)),
            ("secret_names", .textArray(secrets.map(\.place.name))),
            ("secret_versions", .intArray(secrets.map { Int64($0.place.version) })),
            ("secret_key_ids", .textArray(secrets.map(\.keyId))),
            ("secret_nonces", .bytesArray(secrets.map(\.nonce))),
            ("secret_ciphertexts", .bytesArray(secrets.map(\.ciphertext))),
            ("secret_fingerprints", .bytesArray(secrets.map(\.fingerprint.bytes))),
            ("secret_lengths", .intArray(secrets.map { Int64($0.length) })),
        ]
    }
}
