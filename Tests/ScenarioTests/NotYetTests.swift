import EventStore
import Foundation
import PlatformSimulator
import TestSupport
import Testing
import WorkflowCore

/// A platform that breaks off, without a word, for an account that is not ready yet.
@Suite(.timeLimit(.minutes(15))) struct NotYetTests {
    private static let workflow = "quiet-number"

    /// The flagship, which calls such an end an error of its own.
    private func publish(_ installation: Installation) async throws {
        var text = try String(contentsOfFile: Installation.shipped("whatsapp-number"), encoding: .utf8)
        for (old, new) in [
            ("workflow: whatsapp-number ", "workflow: \(Self.workflow) "),
            ("\nerrors:\n", "\nerrors:\n  not_yet: {error: connection_lost}\n"),
            ("{error: key_not_active, policy: activation}", "{error: [key_not_active, not_yet], policy: activation}"),
        ] {
            #expect(text.contains(old), "\(old) is not in the file")
            text = text.replacingOccurrences(of: old, with: new)
        }
        let path = "\(installation.folder)/\(Self.workflow).yaml"
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        try await installation.command("workflow", "publish", path)
    }

    @Test
    func `empty replies to one account open no breaker: others go on, and its own runs retry until they are through`()
        async throws
    {
        try await Installation.with { installation in
            try await publish(installation)
            var match = Installation.token
            match.organisation = "early"
            let faults = installation.simulator.addFaults([
                FaultRule(name: "quiet", match: match, trigger: .always, effect: .close(.before))
            ])
            #expect(!faults.isEmpty)
            try await installation.withWorker { _ in
                var early: [Identifier] = []
                for number in 0..<4 {
                    early.append(
                        try await installation.enqueue(
                            "+3460011122\(number)", organisation: "early", workflow: Self.workflow))
                }
                // Enough of them for a breaker: three runs, and no other organisation calls.
                for run in early {
                    let isMet = try await eventually(seconds: 60) {
                        try await installation.events(run, .attemptUnknown).count >= 2
                    }
                    #expect(isMet, "its connection was never lost")
                }
                #expect(try await installation.store.service("wpp")?.breaker.consecutiveFailures == 0)
                let other = try await installation.enqueue(
                    "+34600333444", organisation: "academy", workflow: Self.workflow)
                try await installation.reaches(.succeeded, other)
                #expect(try await installation.store.service("wpp")?.breaker.pausedUntil == nil)

                installation.simulator.removeFaults()
                for run in early {
                    try await installation.reaches(.succeeded, run)
                    for lost in try await installation.events(run, .attemptUnknown) {
                        #expect(lost.body["error"] == "not_yet" && lost.body["retry"]?["policy"] == "activation")
                        #expect(lost.body["evidence"]?["request_head_sent"] == true)
                        let detail = lost.body["evidence"]?["detail"]?.stringValue ?? ""
                        #expect(detail.hasPrefix("connection_lost: "), "\(detail)")
                    }
                }
                #expect(try await installation.store.service("wpp")?.breaker.failuresByRun.isEmpty == true)
            }
            try await Checker.check(installation)
        }
    }

    @Test func `without a name, the same replies open the breaker: they would be the service's trouble`() async throws {
        try await Installation.with { installation in
            var match = Installation.token
            match.organisation = "early"
            _ = installation.simulator.addFaults([
                FaultRule(name: "quiet", match: match, trigger: .always, effect: .close(.before))
            ])
            try await installation.withWorker { _ in
                for number in 0..<4 {
                    _ = try await installation.enqueue("+3460011122\(number)", organisation: "early")
                }
                let isOpened = try await eventually(seconds: 60) {
                    try await installation.store.service("wpp")?.breaker.consecutiveFailures ?? 0 > 0
                }
                #expect(isOpened)
            }
            try await Checker.check(installation)
        }
    }
}
