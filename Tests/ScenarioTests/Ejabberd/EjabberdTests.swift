import EventStore
import Foundation
import PlatformSimulator
import Testing
import WorkflowCore

/// Real workers against a real third party that is frozen, killed, and has accounts of others: no account and no token is
/// made twice, and nothing of others is touched.
@Suite(
    .enabled(if: Ejabberd.isAskedFor, "make ejabberd runs it"),
    .timeLimit(.minutes(15)), .serialized)
struct EjabberdTests {
    private static let password = "ours-0b2f"

    private func with(
        _ definition: String, _ body: (Installation, Ejabberd) async throws -> Void
    ) async throws {
        try await Ejabberd.with { ejabberd in
            try await ejabberd.register("ann", password: "of-ann")
            try await ejabberd.register("joann", password: "of-joann")
            try await ejabberd.hasWritten(["ann", "joann"])
            try await Installation.with(Behaviour()) { installation in
                let name = try #require(definition.firstMatch(of: /workflow: ([a-z-]+)/)).1
                let file = "\(installation.folder)/\(name).yaml"
                try definition.write(toFile: file, atomically: true, encoding: .utf8)
                try await installation.command("workflow", "publish", file)
                try await installation.command(
                    "service", "set", "xmpp", "--base-url", "http://127.0.0.1:\(ejabberd.port)", "--allow", "loopback")
                try await installation.command(
                    "secret", "set", "xmpp_password", "--from-env", "OURS", variables: ["OURS": Self.password])
                try await installation.withWorker(leaseSeconds: 10) { _ in try await body(installation, ejabberd) }
                try await installation.command("verify")
            }
            #expect(try await ejabberd.accepts("of-ann", of: "ann"), "somebody else's account was touched")
            #expect(try await ejabberd.accepts("of-joann", of: "joann"), "somebody else's account was touched")
        }
    }

    /// Waits until the answer to this state's create is lost, and so many look-ups after it have had none either. Of
    /// several runs, until one has come so far: the others wait until the service answers somebody.
    private func losesAnswers(
        _ installation: Installation, _ runs: [Identifier], _ state: String, lookUps: Int = 1
    ) async throws {
        var lost = 0
        let isLost = try await eventually(seconds: 60) {
            for run in runs {
                let unknown = try await installation.events(run, .attemptUnknown)
                lost = max(lost, unknown.count { $0.body["state"] == .string(state) })
            }
            return lost > lookUps
        }
        let types = try await installation.types(runs[0])
        try #require(isLost, "\(lost) answers were lost: \(types)")
    }

    /// How often the call itself was sent in this state.
    private func sent(_ installation: Installation, _ run: Identifier, _ state: String) async throws -> Int {
        try await installation.events(run, .attemptStarted).count {
            $0.body["state"] == .string(state) && $0.body["purpose"]?.stringValue ?? "call" == "call"
        }
    }

    private func isLeft(_ installation: Installation, _ name: String) async throws -> Bool {
        try await installation.command("runs", "--left-behind").contains(name)
    }

    // MARK: - Frozen

    @Test
    func `frozen in the creates of six runs: on waking it works off creates and look-ups together, one account each`()
        async throws
    {
        try await with(EjabberdDefinitions.account) { installation, ejabberd in
            ejabberd.freeze()
            var runs: [Identifier] = []
            for number in 1...6 {
                runs.append(
                    try await installation.enqueue(
                        "name-\(number)", organisation: "o\(number % 2)", workflow: "xmpp-account", input: "name"))
            }
            try await losesAnswers(installation, runs, "requested")
            ejabberd.thaw()
            for run in runs {
                try await installation.reaches(.succeeded, run, seconds: 180)
                #expect(try await sent(installation, run, "requested") == 1)
                #expect(try await sent(installation, run, "token-pending") == 1)
            }
            let names = runs.map { $0.description }
            #expect(try await ejabberd.users() == Set(names + ["ann", "joann"]))
            #expect(try await ejabberd.tokenOwners() == names.sorted())
            for name in names { #expect(try await ejabberd.accepts(Self.password, of: name)) }
        }
    }

    @Test func `frozen in the token call, of which each makes one more: there is one token, and it is sealed`()
        async throws
    {
        try await with(EjabberdDefinitions.account) { installation, ejabberd in
            let run = try await installation.enqueue("name", organisation: "o", workflow: "xmpp-account", input: "name")
            let settles = try await eventually(seconds: 60) {
                try await installation.store.run(run)?.state == "settling"
            }
            #expect(settles)
            ejabberd.freeze()
            try await losesAnswers(installation, [run], "token-pending")
            ejabberd.thaw()
            try await installation.reaches(.succeeded, run, seconds: 180)
            #expect(try await sent(installation, run, "token-pending") == 1)
            #expect(try await ejabberd.tokenOwners() == [run.description])
        }
    }

    @Test func `frozen in the create and cancelled: what it makes on waking is taken back`() async throws {
        try await with(EjabberdDefinitions.account) { installation, ejabberd in
            ejabberd.freeze()
            let run = try await installation.enqueue("name", organisation: "o", workflow: "xmpp-account", input: "name")
            try await losesAnswers(installation, [run], "requested", lookUps: 0)
            try await installation.cancel(run, reason: "wrong name")
            try await losesAnswers(installation, [run], "requested")
            ejabberd.thaw()
            try await installation.reaches(.cancelled, run, seconds: 180)
            #expect(try await installation.purposes(run).contains("undo"))
            #expect(try await ejabberd.users() == ["ann", "joann"])
            #expect(try await !isLeft(installation, "name"))
        }
    }

    // MARK: - Killed

    @Test func `killed before it read the create, and started again: sent again after the proof, one account`()
        async throws
    {
        try await with(EjabberdDefinitions.account) { installation, ejabberd in
            ejabberd.freeze()
            let run = try await installation.enqueue("name", organisation: "o", workflow: "xmpp-account", input: "name")
            let isSent = try await eventually(seconds: 60) {
                try await installation.types(run).contains("attempt.started")
            }
            #expect(isSent)
            // The answer is awaited until the time-out; a kill ends the connection before that, or comes after it.
            await ejabberd.kill()
            let isLost = try await eventually(seconds: 60) {
                try await installation.types(run).contains("attempt.unknown")
            }
            #expect(isLost)
            try await ejabberd.start()
            try await installation.reaches(.succeeded, run, seconds: 180)
            #expect(try await sent(installation, run, "requested") == 2)
            #expect(try await ejabberd.users() == [run.description, "ann", "joann"])
            #expect(try await ejabberd.tokenOwners() == [run.description])
        }
    }

    @Test func `killed after it made the account and before anybody was told: the account is found, not made again`()
        async throws
    {
        try await with(EjabberdDefinitions.account) { installation, ejabberd in
            ejabberd.freeze()
            let run = try await installation.enqueue("name", organisation: "o", workflow: "xmpp-account", input: "name")
            try await losesAnswers(installation, [run], "requested", lookUps: 0)
            ejabberd.thaw()
            let isMade = try await eventually(seconds: 60) { try await ejabberd.users().contains(run.description) }
            #expect(isMade)
            await ejabberd.kill()
            try await ejabberd.start()
            try #require(try await ejabberd.users().contains(run.description), "ejabberd forgot the account")
            try await installation.reaches(.succeeded, run, seconds: 180)
            #expect(try await sent(installation, run, "requested") == 1)
            #expect(try await ejabberd.users() == [run.description, "ann", "joann"])
        }
    }

    // MARK: - Accounts of others

    @Test func `a name that others have is refused: the run fails, lets its key go, and takes nothing back`()
        async throws
    {
        try await with(EjabberdDefinitions.named) { installation, ejabberd in
            let run = try await installation.enqueue("ann", organisation: "o", workflow: "xmpp-name", input: "name")
            let found = try await installation.reaches(.failed, run)
            #expect(!found.mayBeLeft)
            // Its key is free: the same name again is a new run.
            #expect(
                try await installation.enqueue("ann", organisation: "o", workflow: "xmpp-name", input: "name") != run)
            #expect(try await installation.purposes(run) == ["call"])
            #expect(try await !isLeft(installation, "ann"))
        }
    }

    @Test
    func `a lost create of a name that others have: found and adopted, found out by its password, never taken back`()
        async throws
    {
        try await with(EjabberdDefinitions.named) { installation, ejabberd in
            ejabberd.freeze()
            let run = try await installation.enqueue("ann", organisation: "o", workflow: "xmpp-name", input: "name")
            try await losesAnswers(installation, [run], "requested")
            ejabberd.thaw()
            try await installation.reaches(.failed, run, seconds: 180)
            #expect(try await sent(installation, run, "requested") == 1)
            #expect(try await !installation.purposes(run).contains("undo"))
            #expect(try await ejabberd.users() == ["ann", "joann"])
        }
    }

    @Test
    func `a lost create of a new name, cancelled: nothing proves whose the account is, so it stays and is listed`()
        async throws
    {
        try await with(EjabberdDefinitions.named) { installation, ejabberd in
            ejabberd.freeze()
            let run = try await installation.enqueue("bob", organisation: "o", workflow: "xmpp-name", input: "name")
            try await losesAnswers(installation, [run], "requested", lookUps: 0)
            try await installation.cancel(run, reason: "wrong name")
            try await losesAnswers(installation, [run], "requested")
            ejabberd.thaw()
            try await installation.reaches(.cancelled, run, seconds: 180)
            #expect(try await !installation.purposes(run).contains("undo"))
            #expect(try await ejabberd.users() == ["ann", "bob", "joann"])
            #expect(try await isLeft(installation, "bob"))
        }
    }
}

extension Installation {
    fileprivate func enqueue(_ value: String, organisation: String, workflow: String, input: String) async throws
        -> Identifier
    {
        try await store.enqueue(
            EnqueueRequest(
                workflow: workflow, organisation: organisation, input: [input: .string(value)], actor: "person:test")
        ).runId
    }
}
