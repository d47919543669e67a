import ArgumentParser

struct Turnup: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "turnup",
        abstract: "Brings third-party accounts into service, and can prove what happened.",
        discussion: """
            A run adds one thing, first of all a WhatsApp number, through a platform that may be slow or flaky. \
            Its events are kept in PostgreSQL; workers advance it.

            Database: --database-url, TURNUP_DATABASE_URL, or libpq's own variables and service files. With none of \
            them a private PostgreSQL of this user is used, and said so on stderr; TURNUP_STATE_DIR names another folder \
            for it.

            Exit codes: 0 done, 1 it failed, 2 bad input, 3 no database, or a port in use, 130 interrupted.
            """,
        version: Version.text,
        groupedSubcommands: [
            CommandGroup(name: "Start", subcommands: [Demo.self, Up.self, Migrate.self, Database.self]),
            CommandGroup(name: "Set up", subcommands: [WorkflowCommand.self, ServiceCommand.self, SecretCommand.self]),
            CommandGroup(name: "Run", subcommands: [Enqueue.self, WorkerCommand.self, Health.self]),
            CommandGroup(
                name: "Decide",
                subcommands: [Resolve.self, Retry.self, Cancel.self, Release.self, Redo.self, Inspect.self]),
            CommandGroup(
                name: "Look",
                subcommands: [
                    Runs.self, Show.self, History.self, Diagnose.self, Report.self, Verify.self,
                    StatisticsCommand.self,
                ]),
            CommandGroup(name: "Test", subcommands: [Simulate.self]),
        ])
}

extension Turnup {
    /// The first words of a command line when they name no command, such as "workflow publsh".
    static func unknownCommand(_ arguments: some Sequence<String>) -> (name: String, hint: String)? {
        let words = Array(arguments.prefix(2).prefix { !$0.hasPrefix("-") })
        guard let first = words.first, first != "help" else { return nil }
        let commands = configuration.groupedSubcommands.flatMap(\.subcommands)
        guard let command = commands.first(where: { $0._commandName == first }) else {
            return (first, TerminalTexts.commandsHint)
        }
        let names = command.configuration.subcommands.map { $0._commandName }
        guard words.count == 2, !names.isEmpty, !names.contains(words[1]) else { return nil }
        return (words.joined(separator: " "), TerminalTexts.subcommandsHint(names.map { "\(first) \($0)" }))
    }
}

enum Version {
    static let text = "0.1.0"
}
