import Foundation
import PlatformSimulator
import TestSupport
import Testing

@testable import ScenarioTests

/// The independent checker `Tests/Checkers/ledger-check`, which shares no code with the engine, over the database and
/// the simulator's ledger.
enum LedgerCheck {
    static let program = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Checkers/ledger-check").path

    /// - Parameter leaseSeconds: the longest lease that the test's workers had.
    static func run(
        _ installation: Installation, leaseSeconds: Double, sourceLocation: SourceLocation
    ) async throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .withoutEscapingSlashes
        var ledger = Data()
        for entry in installation.simulator.ledger() { ledger += try encoder.encode(entry) + Data("\n".utf8) }
        let file = "\(installation.folder)/ledger.jsonl"
        try ledger.write(to: URL(fileURLWithPath: file))
        let answer = try await Shell.run(
            #""$CHECKER" --database-url "$TURNUP_DATABASE_URL" --ledger "$LEDGER" --lease-seconds \#(leaseSeconds)"#,
            environment: installation.environment.merging(["CHECKER": program, "LEDGER": file]) { $1 })
        // Nothing can be concluded from a platform that nobody asked, which the checker says in its own way.
        let expected: Int32 = ledger.isEmpty ? 3 : 0
        #expect(answer.exitCode == expected, "\(answer.output.prefix(2000))\(answer.errors)", sourceLocation: sourceLocation)
    }
}
