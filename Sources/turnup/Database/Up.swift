import ArgumentParser
import EventStore

struct Up: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Everything for one machine in one process: migrate, then work until told to stop.",
        discussion: """
            With no database named it uses a private PostgreSQL, which goes on running afterwards \
            ("turnup database stop" ends it).
            """)

    @OptionGroup var settings: WorkerSettings
    @OptionGroup var database: DatabaseOptions

    func run() async throws {
        try await Session.with(database, connections: settings.connections) { session in
            let applied = try await Migrator(pool: session.pool).migrate()
            if !applied.isEmpty { Console.note(DatabaseTexts.appliedToSchema(applied.count)) }
            _ = try await session.vault()
            Console.note(DatabaseTexts.working)
            try await Session.with(
                connectionString: session.connectionString, options: database, migrates: false,
                connections: settings.connections, tuning: .worker
            ) { session in try await WorkerRuntime(session: session, settings: settings).run() }
        }
    }
}
