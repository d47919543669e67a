import EventStore
import Synchronization
import TestSupport
import Testing
import Vault
import WorkflowCore

@testable import Worker

@Suite("Credentials", .timeLimit(.minutes(15)))
struct CredentialReaderTests {
    private static let canonical = """
        {"dsl":1,"workflow":"keyed","version":1,"key":"${input.number}","start":"requested",
         "input":{"number":{"type":"string"}},
         "services":{"wpp":{"timeout":"5s","auth":{"bearer":"${secrets.master}"}}},
         "states":{"requested":{"call":{"request":"POST wpp:/create"},"next":"active"},
           "active":{"end":"succeeded"},"failed":{"end":"failed"}}}
        """

    private func enqueue(_ workshop: Workshop, organisation: String, _ number: Int) async throws -> Identifier {
        try await workshop.store.enqueue(
            EnqueueRequest(
                workflow: "keyed", organisation: organisation, input: ["number": .string("\(number)")],
                actor: "person:test")
        ).runId
    }

    private func put(_ workshop: Workshop, organisation: String?) async throws {
        let place = SecretPlace(
            scope: organisation == nil ? .installation : .organisation,
            scopeId: organisation ?? SecretPlace.installationId, name: "master", version: 1)
        try await workshop.store.putSecret(workshop.vault.seal(Secret("k"), at: place), by: "person:test")
    }

    @Test func `what many ask for while a look is under way is read together, by the next one`() async throws {
        let workshop = try await Workshop()
        let names = (0...20).map { CredentialName(organisation: "o\($0)", name: "master") }
        for name in names { try await put(workshop, organisation: name.organisation) }
        let asked = Mutex<[[CredentialName]]>([])
        let isReleased = Gong()
        workshop.store.set {
            $0.credentials = { names in
                asked.withLock { $0.append(names) }
                await isReleased.wait()
            }
        }
        let reader = CredentialReader(store: workshop.store, vault: workshop.vault)
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask { try await reader.credential(names[0]) != nil }
            try #require(await eventually { asked.withLock { $0.count } == 1 })
            for name in names.dropFirst() { group.addTask { try await reader.credential(name) != nil } }
            try #require(await eventually { await reader.wanted.count == 20 })
            isReleased.strike()
            for try await isFound in group { #expect(isFound) }
        }
        let looks = asked.withLock { $0 }
        #expect(looks.first == [names[0]])
        #expect(looks.dropFirst().map(Set.init) == [Set(names.dropFirst())])
    }

    @Test
    func `a credential that is nowhere set makes the run wait before its intent, and setting it lets the run go on`()
        async throws
    {
        let workshop = try await Workshop()
        try await workshop.publish(Self.canonical, workflow: "keyed")
        let run = try await enqueue(workshop, organisation: "o", 1)
        try await workshop.withWorker {
            try #require(
                try await workshop.store.bell.eventually {
                    try await workshop.store.healthy.run(run)?.task?.waitReason == .noSecret
                })
            #expect(try await workshop.types(run) == ["run.requested"])
            try await put(workshop, organisation: nil)
            try await workshop.reaches(.succeeded, run)
        }
        #expect(workshop.server.requests.count == 1)
    }

    @Test func `a look that fails is told as such, and the runs that waited for it try again`() async throws {
        let workshop = try await Workshop()
        try await workshop.publish(Self.canonical, workflow: "keyed")
        try await put(workshop, organisation: nil)
        var runs: [Identifier] = []
        for number in 1...5 { runs.append(try await enqueue(workshop, organisation: "o", number)) }
        let failures = Mutex(0)
        workshop.store.set {
            $0.credentials = { _ in
                let isFirst = failures.withLock { count in
                    count += 1
                    return count == 1
                }
                if isFirst { throw StoreError(.unavailable, "the database is away") }
            }
        }
        try await workshop.withWorker {
            for run in runs { try await workshop.reaches(.succeeded, run) }
        }
        #expect(workshop.server.requests.count == 5)
    }

    /// The answer to a keyed call changes the very key that the call has sent.
    private static let renewing = """
        {"dsl":1,"workflow":"renewing","version":1,"key":"${input.number}","start":"requested",
         "input":{"number":{"type":"string"}},
         "data":{"session":{"type":"string"},"api_key":{"type":"string","secret":true}},
         "services":{"wpp":{"timeout":"5s"}},"retries":{"brief":{"delay":"100ms","jitter":"none","max_attempts":3}},
         "states":{
           "requested":{"call":{"request":"POST wpp:/create","save":{"api_key":"${response.body.apiKey}"}},
             "undo":"none","next":"renewing"},
           "renewing":{"call":{"request":"POST wpp:/renew","body":{"apiKey":"${data.api_key}"},
             "idempotency":{"header":"Key","honoured":"1h"},
             "save":{"session":"${response.body.session}","api_key":"${response.body.apiKey}"}},
             "retry":[{"error":"bad_answer","policy":"brief"}],"undo":"none","next":"active"},
           "active":{"end":"succeeded"},"failed":{"end":"failed"}}}
        """

    @Test func `a resend under a key sends the run's secret in the version of the first request, not the newest`()
        async throws
    {
        let renewals = Mutex(0)
        let workshop = try await Workshop { request in
            guard request.path == "/renew" else { return TinyServer.good(request) }
            let isFirst = renewals.withLock { count in
                count += 1
                return count == 1
            }
            return TinyServer.json(
                "200 OK", isFirst ? #"{"apiKey":"key-number-two"}"# : #"{"apiKey":"k-three","session":"s"}"#)
        }
        try await workshop.publish(Self.renewing, workflow: "renewing")
        let run = try await workshop.enqueue(workflow: "renewing")
        try await workshop.withWorker { try await workshop.reaches(.succeeded, run) }
        #expect(workshop.sent("/renew").count == 2)
        let lost = try #require(try await workshop.events(run, .attemptUnknown).first)
        #expect(lost.body["sealed"]?.arrayValue?.first?["version"] == 2, "the first answer gave no new key")
        let intents = try await workshop.events(run, .attemptStarted).filter { $0.body["state"] == "renewing" }
        #expect(
            intents.map { $0.body["frozen"]?["secrets"] } == [
                [["owner": "run", "name": "api_key", "version": 1]], nil,
            ])
        let end = try #require(try await workshop.events(run, .attemptDone).last)
        #expect(end.body["sealed"]?.arrayValue?.first?["version"] == 3)
        let used = end.body["evidence"]?["credentials_used"]?.arrayValue?.compactMap { $0["fingerprint"] }
        #expect(used == [.string(workshop.vault.fingerprint(of: Secret("the-secret-key")).shown)])
    }
}
