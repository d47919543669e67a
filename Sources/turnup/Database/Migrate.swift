import ArgumentParser
import EventStore

struct Migrate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Bring a database to the schema of this version.",
        discussion: """
            Example:
              turnup migrate --database-url postgresql://db.example/turnup
              turnup migrate --print | less
            """)

    @OptionGroup var database: DatabaseOptions

    @Flag(help: "Print what would run, and change nothing.")
    var print = false

    func run() async throws {
        if self.print {
            try await printPending()
        } else {
            try await Session.with(database) { session in
                let steps = try await Migrator(pool: session.pool).migrate()
                Console.out(steps.isEmpty ? DatabaseTexts.isUpToDate : DatabaseTexts.applied(steps.count))
                for step in steps { Console.out("  \(step.name)") }
                _ = try await session.vault()
            }
        }
    }

    /// Without a named database it prints what a new one would get, and starts nothing.
    private func printPending() async throws {
        guard let named = try database.named else {
            Self.show(Migrator.everything)
            return
        }
        try await Session.with(connectionString: named, options: database, migrates: false) { session in
            Self.show(try await Migrator(pool: session.pool).pending())
        }
    }

    private static func show(_ steps: [Migrator.Step]) {
        if steps.isEmpty { Console.out(DatabaseTexts.nothingToDo) }
        for step in steps { Console.out("-- \(step.name)\n\(step.text)") }
    }
}
