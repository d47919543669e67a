import EventStore
import Foundation
import PlatformSimulator
import TestSupport
import Testing
import WorkflowCore

extension Installation {
    /// A platform with a register, one definition for it, and a worker; checked against the ledger afterwards.
    static func withRegister(
        _ definition: String, activation: Activation = .none, tokenLifetimeSeconds: Int = 900,
        _ change: (inout Registry) -> Void = { _ in }, _ body: (Installation) async throws -> Void
    ) async throws {
        try await withRegisterAlone(
            definition, activation: activation, tokenLifetimeSeconds: tokenLifetimeSeconds, change
        ) { installation in
            try await installation.withWorker(leaseSeconds: 10) { _ in try await body(installation) }
            try await Checker.check(installation)
        }
    }

    /// The same without a worker.
    static func withRegisterAlone(
        _ definition: String, activation: Activation = .none, tokenLifetimeSeconds: Int = 900,
        _ change: (inout Registry) -> Void = { _ in }, _ body: (Installation) async throws -> Void
    ) async throws {
        var behaviour = Preset.registry.behaviour
        behaviour.tokenLifetimeSeconds = tokenLifetimeSeconds
        behaviour.activation = activation
        behaviour.firstClientToo = true
        var registry = Registry()
        change(&registry)
        behaviour.registry = registry
        try await with(behaviour) { installation in
            let file = installation.folder + "/registered-number.yaml"
            try definition.write(toFile: file, atomically: true, encoding: .utf8)
            try await installation.command("workflow", "publish", file)
            try await body(installation)
        }
    }

    /// What the platform did, in order, status reads left out.
    var decisions: [PlatformDecision.Kind] {
        simulator.ledger().filter { !$0.path.hasSuffix("/status") }.compactMap { $0.decision?.kind }
    }

    /// What each attempt of a run was for.
    func purposes(_ run: Identifier) async throws -> [String] {
        try await events(run, .attemptStarted).map { $0.body["purpose"]?.stringValue ?? "call" }
    }

    func cancel(_ run: Identifier, reason: String) async throws {
        _ = try await store.append(
            AppendRequest(
                runId: run, expectedSeq: nil, event: NewEvent(.cancelRequested, ["reason": .string(reason)]),
                actor: "person:test"))
    }

    /// Enqueues a run whose id is known before.
    func enqueue(_ number: String, as id: Identifier) async throws -> Identifier {
        try await store.enqueue(
            EnqueueRequest(
                workflow: "registered-number", organisation: "academy", input: ["number": .string(number)], id: id,
                actor: "person:test")
        ).runId
    }
}

extension RequestMatch {
    static let register = RequestMatch(method: "POST", path: "/clients")
}

extension FaultRule {
    /// The first create does its work, and its answer is lost.
    static let lostCreate = FaultRule(
        name: "create-lost", match: .register, trigger: .nth(1), effect: .close(.after))
}
