import Foundation
import PlatformSimulator
import Postgres
import TestSupport
import Testing
import WorkflowCore

/// The checker itself: it must complain when it should.
@Suite(.timeLimit(.minutes(15))) struct LedgerCheckTests {
    @Test func `each rule is broken once and found, by the checker's own tests`() async throws {
        let answer = try await Checker.python(#"-m unittest discover "$CHECKERS""#)
        #expect(answer.exitCode == 0, "\(answer.errors)")
        #expect(answer.errors.contains(/Ran \d\d+ tests/), "no test ran: \(answer.errors)")
    }

    @Test func `a real run is accepted, and found out when its ledger, its row or its history is changed`() async throws
    {
        try await Installation.with { installation in
            let none = try await Checker.ledgerCheck(installation, ledger: "/dev/null")
            #expect(none.exitCode == 3 && none.output.contains("no request"))
            try await installation.withWorker { _ in
                try await installation.reaches(.succeeded, try await installation.enqueue("+34600111222"))
            }
            try await Checker.check(installation)

            let lines = try String(contentsOfFile: installation.ledgerPath, encoding: .utf8)
            let changed = installation.folder + "/changed.jsonl"
            for (old, new) in [
                (#""requestId":""#, #""requestId":"no-"#), (#""path":"/auth/token""#, #""path":"/elsewhere""#),
                (#""status":200"#, #""status":202"#),
            ] {
                try lines.replacingOccurrences(of: old, with: new).write(
                    toFile: changed, atomically: true, encoding: .utf8)
                let answer = try await Checker.ledgerCheck(installation, ledger: changed)
                #expect(answer.exitCode == 1 && answer.output.contains("X2"), "\(old): \(answer.output)")
            }
            let twice = lines + lines.replacingOccurrences(of: #""ordinal":"#, with: #""ordinal":1"#)
            try twice.write(toFile: changed, atomically: true, encoding: .utf8)
            #expect(try await Checker.ledgerCheck(installation, ledger: changed).output.contains("X6"))

            try await installation.database.withSuperuser { connection in
                _ = try await connection.query("set session_replication_role = replica")
                _ = try await connection.query(
                    "update turnup.run set status = 'held', has_task = false, ended_at = null")
            }
            let held = try await Checker.ledgerCheck(installation)
            #expect(held.exitCode == 1 && held.output.contains("S1"), "\(held.output)")
        }
    }
}
