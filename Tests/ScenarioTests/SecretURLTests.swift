import EventStore
import Foundation
import TestSupport
import Testing
import WorkflowCore

@testable import turnup

/// A database's URL may hold its password: it must not come into any log.
@Suite(.timeLimit(.minutes(15))) struct SecretURLTests {
    private static let password = "canary-password-7f"

    private static func url(_ installation: Installation) -> String {
        let url = installation.database.url
        return url + (url.contains("?") ? "&" : "?") + "password=\(password)"
    }

    @Test(arguments: [SIGTERM, SIGINT])
    func `a verbose worker logs neither the database's URL nor its password, from start to end`(
        _ signal: Int32
    ) async throws {
        try await Installation.with { installation in
            let worker = try TurnupProcess(
                ["worker", "--verbose", "--poll-milliseconds", "200"],
                environment: installation.environment.merging(["TURNUP_DATABASE_URL": Self.url(installation)]) { $1 })
            let run = try await installation.enqueue(Installation.number)
            try await installation.reaches(.succeeded, run)
            worker.send(signal)
            let answer = await worker.end()
            #expect(answer.exitCode == 0)
            let log = answer.output + answer.errors
            // At debug level the services are named when they start and when they end.
            #expect(log.contains(" debug ") && log.contains("WorkerService"), "\(log)")
            for secret in [Self.password, "password=", "postgresql://", installation.database.name] {
                let lines = log.split(separator: "\n").filter { $0.contains(secret) }
                #expect(lines.isEmpty, "\(secret): \(lines.first ?? "")")
            }
        }
    }

    @Test func `nothing that describes a session or what holds it tells the URL`() async throws {
        let url = "postgresql://operator:\(Self.password)@db.example/turnup"
        var options = DatabaseOptions()
        options.databaseURL = url
        // Nothing connects before it is asked to.
        try await Session.with(connectionString: url, options: options, migrates: false) { session in
            let runtime = WorkerRuntime(session: session, settings: WorkerSettings())
            var texts = ["\(options)", String(reflecting: options)]
            for value in [session, runtime, session.pool, session.store] as [Any] {
                var dumped = ""
                dump(value, to: &dumped)
                texts += ["\(value)", String(reflecting: value), dumped]
            }
            for text in texts {
                #expect(!text.contains(Self.password) && !text.contains("db.example"), "\(text)")
            }
        }
    }
}
