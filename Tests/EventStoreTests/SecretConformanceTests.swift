import EventStore
import Testing
import Vault
import WorkflowCore

@Suite struct SecretConformanceTests {
    private static func place(_ version: Int, scopeId: String = "o") -> SecretPlace {
        SecretPlace(scope: .organisation, scopeId: scopeId, name: "admin", version: version)
    }

    @Test func `the newest version is found, an old one by its number, and none is written twice`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            let first = try fixture.vault.seal(Secret("one"), at: Self.place(1))
            let second = try fixture.vault.seal(Secret("two"), at: Self.place(2))
            let other = try fixture.vault.seal(Secret("three"), at: Self.place(1, scopeId: "p"))
            for secret in [second, first, other] { try await store.putSecret(secret, by: "person:a") }
            #expect(try await store.secret(scope: .organisation, scopeId: "o", name: "admin") == second)
            #expect(try await store.secret(scope: .installation, scopeId: "o", name: "admin") == nil)
            #expect(try await store.secretVersion(Self.place(1)) == first)
            #expect(try await store.secretVersion(Self.place(3)) == nil)
            let again = try fixture.vault.seal(Secret("four"), at: Self.place(2))
            let error = await storeError { try await store.putSecret(again, by: "person:b") }
            #expect(error?.code == .refused && error?.message == #"version 2 of "admin" is there already"#)
            #expect(try await store.secretVersion(Self.place(2)) == second)
        }
    }

    @Test func `a forgotten secret keeps its fingerprint and nothing else`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            for version in 1...2 {
                let sealed = try fixture.vault.seal(Secret("value \(version)"), at: Self.place(version))
                try await store.putSecret(sealed, by: "person:a")
            }
            let kept = try fixture.vault.seal(Secret("kept"), at: Self.place(1, scopeId: "p"))
            try await store.putSecret(kept, by: "person:a")
            let before = try await store.secrets()
            #expect(try await store.forgetSecret(scope: .organisation, scopeId: "o", name: "admin") == 2)
            #expect(try await store.forgetSecret(scope: .organisation, scopeId: "o", name: "admin") == 0)
            #expect(try await store.secret(scope: .organisation, scopeId: "o", name: "admin") == nil)
            #expect(try await store.secretVersion(Self.place(1)) == nil)
            #expect(try await store.secret(scope: .organisation, scopeId: "p", name: "admin") == kept)
            let after = try await store.secrets()
            #expect(after.map(\.fingerprint) == before.map(\.fingerprint))
            #expect(after.map(\.version) == [1, 2, 1] && after.map(\.scopeId) == ["o", "o", "p"])
            #expect(after.map(\.isForgotten) == [true, true, false])
            #expect(after.allSatisfy { $0.createdBy == "person:a" && $0.fingerprint.count == 8 })
            // The number of a forgotten version is not used again.
            let reused = try fixture.vault.seal(Secret("x"), at: Self.place(1))
            let error = await storeError { try await store.putSecret(reused, by: "person:a") }
            #expect(error?.code == .refused)
        }
    }

    @Test func `a new credential wakes the runs that waited for one`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow()
            let id = try await store.enqueueRun()
            let run = try await store.claimOne()
            try await store.release(
                [run.release(due: 60 * minute, waitReason: .noSecret)])
            #expect(try await store.claimed(workerA, 1, leaseMilliseconds: minute).isEmpty)
            try await store.putSecret(fixture.vault.seal(Secret("x"), at: Self.place(1)), by: "person:a")
            try await fixture.pass(milliseconds: 1500)
            #expect(try await store.claimOne().id == id)
        }
    }

    @Test func `secrets that runs were given are not in the list`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow()
            let id = try await store.enqueueRun()
            let run = try await store.claimOne()
            let place = SecretPlace(scope: .run, scopeId: id.description, name: "key", version: 1)
            let sealed = try fixture.vault.seal(Secret("x"), at: place)
            #expect(try await store.commitOne(run.commit([.entered("x")], sealed: [sealed])).isAccepted)
            #expect(try await store.secretVersion(place) == sealed)
            #expect(try await store.secrets().isEmpty)
        }
    }

    /// The intent of a call under an idempotency key whose body holds version 1 of the credential.
    private static func keyed(_ id: Identifier) -> NewEvent {
        NewEvent(
            .attemptStarted,
            [
                "state": "requested",
                "frozen": [
                    "digests": ["body.admin": "00"],
                    "secrets": [["owner": "organisation", "name": "admin", "version": 1]],
                ],
            ], attemptId: id)
    }

    private static func forget(_ store: PostgresStore, _ scopeId: String = "o") async throws -> Int {
        try await store.forgetSecret(scope: .organisation, scopeId: scopeId, name: "admin")
    }

    @Test func `a secret that a run may have to send again is not forgotten before the run has gone on`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            for organisation in ["o", "p"] {
                let sealed = try fixture.vault.seal(Secret("one"), at: Self.place(1, scopeId: organisation))
                try await store.putSecret(sealed, by: "person:a")
            }
            try await store.publishWorkflow()
            let id = try await store.enqueueRun()
            let run = try await store.claimOne()
            let attempt = newId()
            #expect(try await store.commitOne(run.commit([Self.keyed(attempt)], keepsLease: true)).isAccepted)
            let error = await storeError { _ = try await Self.forget(store) }
            #expect(error?.code == .notTaken && error?.runId == id.description)
            #expect(error?.message.hasPrefix("\"admin\" is in use: run \(id) sent it") == true)
            #expect(try await store.secretVersion(Self.place(1)) != nil)
            #expect(try await Self.forget(store, "p") == 1, "another organisation's")

            let sent = try run.state.get().after([Self.keyed(attempt)], epoch: run.epoch)
            let end = try run.commit([.done(attempt), .entered("next")], on: sent, keepsLease: true)
            #expect(try await store.commitOne(end).isAccepted)
            #expect(try await Self.forget(store) == 1)
        }
    }

    @Test func `a request that never left keeps no secret`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.putSecret(try fixture.vault.seal(Secret("one"), at: Self.place(1)), by: "person:a")
            try await store.publishWorkflow()
            _ = try await store.enqueueRun()
            let run = try await store.claimOne()
            let attempt = newId()
            let unsent = NewEvent(
                .attemptNotDone, ["counted": false, "evidence": ["request_head_sent": false]], attemptId: attempt)
            #expect(try await store.commitOne(run.commit([Self.keyed(attempt), unsent])).isAccepted)
            #expect(try await Self.forget(store) == 1)
        }
    }
}
