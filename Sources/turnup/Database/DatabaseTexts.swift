/// What the commands of the database and its schema say, and `turnup up`.
enum DatabaseTexts {
    // MARK: The private PostgreSQL

    static func running(process: Int32, url: String) -> String { "running (pid \(process)), \(url)" }
    static let stopped = "stopped"
    static let wasNotRunning = "it was not running"

    // MARK: The schema

    static let isUpToDate = "The database is up to date."
    static func applied(_ files: Int) -> String { "Applied \(TerminalTexts.counted(files, "file")):" }
    static func appliedToSchema(_ files: Int) -> String {
        "Applied \(TerminalTexts.counted(files, "file")) of the schema."
    }
    static let nothingToDo = "-- nothing to do"

    // MARK: Up

    static let working = "Working. Ctrl-C stops it; runs go on when it is started again."
}
