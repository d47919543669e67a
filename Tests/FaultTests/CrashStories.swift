import EventStore
import Foundation
import PlatformSimulator
import TestSupport
import Testing
import Worker
import WorkflowCore

@testable import ScenarioTests

/// A run on a platform that can be asked, deletes and honours keys: whatever happens to its workers, it ends by itself.
struct CrashStory: Sendable, CustomTestStringConvertible {
    /// One request of an undisturbed run, as the worker that is watched sends them.
    struct Part: Sendable {
        let name: String
        /// 1 for its first request.
        let attempt: Int
        let purpose: String
        /// A lost answer has no head and no body; a kept connection is not made; what follows at once is of the same
        /// claim.
        var lacks: Set<CrashPoint> = []
    }

    let name: String
    let definition: String
    let faults: [FaultRule]
    let end: RunStatus
    /// How many clients the run may make, one after the other.
    var makes = 1...1
    /// Where a first worker is killed, before the one that is watched.
    var firstDeath: (point: CrashPoint, passing: Int)?
    /// Whether a person then cancels.
    var isCancelled = false
    let parts: [Part]

    var testDescription: String { name }

    private static let list = RequestMatch(method: "GET", path: "/clients")
    private static let look = RequestMatch(method: "GET", path: "/clients/*")
    private static let delete = RequestMatch(method: "DELETE", path: "/clients/*")

    /// Bodies come piece by piece.
    private static let slow = FaultRule(
        name: "slow", trigger: .always, effect: .trickle(chunkBytes: 40, intervalMilliseconds: 10))

    /// Its second state is refused, and the deletion has a body.
    private static let refusal = [
        FaultRule(name: "refused", match: look, effect: .status(400)),
        FaultRule(
            name: "deleted", match: delete, effect: .status(200, body: #"{"deleted":true}"#, moment: .after)),
        slow,
    ]

    private static let unanswered: Set<CrashPoint> = [.afterHead, .midBody]
    private static let atOnce: Set<CrashPoint> = [.afterClaim, .afterConnect]

    private static func hasty(_ definition: String) -> String {
        definition.replacingOccurrences(of: "after: 2s", with: "after: 300ms")
            .replacingOccurrences(of: "effect_within: 2s", with: "effect_within: 300ms")
            .replacingOccurrences(of: "timeout: 3s", with: "timeout: 20s")
    }

    /// All three ways against a lost answer: its key, then the look-up, and the undo.
    private static let keyedToo = RegistryDefinitions.adopting
        .replacingOccurrences(
            of: "calls:\n",
            with: "retries:\n  twice: {delay: 100ms, backoff: 1, jitter: none, max_attempts: 2}\ncalls:\n"
        )
        .replacingOccurrences(
            of: "      body: {externalId",
            with: "      idempotency: {header: Idempotency-Key, honoured: 1h}\n      body: {externalId"
        )
        .replacingOccurrences(
            of: "    reconcile:\n",
            with: "    retry: [{error: [connection_lost, unknown_outcome], policy: twice}]\n    reconcile:\n")

    static let all = [
        CrashStory(
            name: "lost twice, found and adopted", definition: hasty(keyedToo),
            faults: [
                FaultRule(name: "lost", match: .register, trigger: .untilCount(2), effect: .close(.after)), slow,
            ],
            end: .succeeded,
            parts: [
                Part(name: "the first request", attempt: 1, purpose: "call", lacks: unanswered),
                Part(
                    name: "the same once more under its key", attempt: 2, purpose: "call", lacks: unanswered),
                Part(name: "the look-up", attempt: 3, purpose: "lookup"),
                Part(name: "the last request", attempt: 4, purpose: "call", lacks: atOnce),
            ]),
        CrashStory(
            name: "failed and taken back", definition: hasty(RegistryDefinitions.adopting),
            faults: refusal,
            end: .failed,
            parts: [Part(name: "the create", attempt: 1, purpose: "call")]),
        CrashStory(
            name: "killed while it is taken back", definition: hasty(RegistryDefinitions.adopting),
            faults: refusal, end: .failed, firstDeath: (.afterIntent, 3),
            parts: [Part(name: "the undo", attempt: 1, purpose: "undo")]),
        CrashStory(
            name: "cancelled while its create is looked for", definition: hasty(RegistryDefinitions.adopting),
            faults: [slow], end: .cancelled, firstDeath: (.afterSend, 1), isCancelled: true,
            parts: [
                Part(name: "the look-up", attempt: 1, purpose: "lookup"),
                Part(name: "the undo", attempt: 2, purpose: "undo", lacks: atOnce.union([.midBody])),
            ]),
        CrashStory(
            name: "lost, found and replaced",
            definition: hasty(RegistryDefinitions.replacing)
                .replacingOccurrences(of: "times: 3, every: 1s", with: "times: 2, every: 100ms"),
            faults: [.lostCreate, slow], end: .succeeded, makes: 1...3,
            parts: [
                Part(
                    name: "the deletion of what was found", attempt: 3, purpose: "replace",
                    lacks: atOnce.union([.midBody])),
                Part(name: "the second create", attempt: 4, purpose: "call"),
            ]),
    ]
}
