import EventStore
import Postgres
import TestSupport
import Testing
import Vault
import WorkflowCore

@Suite struct LostAnswerTests {
    @Test func `a commit whose answer is lost is an unknown outcome, and had landed when sent again`() async throws {
        try await TestDatabase.withDatabase { database in
            try await database.store.publishWorkflow()
            let id = try await database.store.enqueueRun()
            let run = try await database.store.claimOne()
            let commit = try run.commit([.started(newId())], keepsLease: true)
            try await database.withProxy { proxy, store in
                _ = try await store.now()
                proxy.set(.loseReply(to: workerA))
                let error = await storeError { _ = try await store.commitOne(commit) }
                #expect(proxy.faultCount == 1)
                #expect(error?.code == .outcomeUnknown)
                proxy.set(.none)
                try await waitUntil { try await database.store.run(id)?.seq == 2 }
                #expect(try await store.commitOne(commit).isAlready)
            }
            #expect(try await database.store.events(of: id, after: 0).count == 2)
        }
    }

    @Test func `a commit that never arrived is an unknown outcome, and is accepted when sent again`() async throws {
        try await TestDatabase.withDatabase { database in
            try await database.store.publishWorkflow()
            let id = try await database.store.enqueueRun()
            let run = try await database.store.claimOne()
            let commit = try run.commit([.started(newId())], keepsLease: true)
            try await database.withProxy { proxy, store in
                _ = try await store.now()
                proxy.set(.cutBefore(workerA))
                let error = await storeError { _ = try await store.commitOne(commit) }
                #expect(proxy.faultCount == 1)
                #expect(error?.code == .outcomeUnknown)
                proxy.set(.none)
                #expect(try await store.commitOne(commit).isAccepted)
                #expect(try await store.commitOne(commit).isAlready)
            }
            #expect(try await database.store.events(of: id, after: 0).count == 2)
        }
    }

    @Test func `an enqueue whose answer is lost gives the same run when done again`() async throws {
        try await TestDatabase.withDatabase { database in
            try await database.store.publishWorkflow()
            try await database.withProxy { proxy, store in
                _ = try await store.now()
                let id = newId()
                proxy.set(.loseReply(to: "person:test"))
                let error = await storeError { try await store.enqueueRun(id: id) }
                #expect(proxy.faultCount == 1)
                #expect(error?.code == .outcomeUnknown)
                proxy.set(.none)
                try await waitUntil { try await database.store.run(id) != nil }
                #expect(try await store.enqueue(request(["number": "1"], id: id)).isNew == false)
            }
            #expect(try await database.count("select count(*) from turnup.run") == 1)
        }
    }

    @Test func `a read that is lost has changed nothing and may be repeated`() async throws {
        try await TestDatabase.withDatabase { database in
            try await database.store.publishWorkflow()
            let id = try await database.store.enqueueRun()
            let reads: [@Sendable (PostgresStore) async throws -> Void] = [
                { _ = try await $0.events(of: id, after: 0) }, { _ = try await $0.run(id) },
                { _ = try await $0.runs(RunFilter()) }, { _ = try await $0.now() },
                { _ = try await $0.service("s") }, { _ = try await $0.services() }, { _ = try await $0.secrets() },
                { _ = try await $0.definitions() }, { _ = try await $0.definition(workflow: "w", version: nil) },
                { _ = try await $0.secret(scope: .run, scopeId: "r", name: "n") },
            ]
            for read in reads {
                try await database.withProxy { proxy, store in
                    // Often enough to be prepared: what is cut is the statement itself.
                    for _ in 0..<4 { try await read(store) }
                    proxy.set(.cutReply(afterBytes: 1))
                    let error = await storeError { try await read(store) }
                    #expect(proxy.faultCount == 1)
                    #expect(error?.code == .unavailable)
                }
            }
        }
    }
}
