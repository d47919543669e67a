import ArgumentParser

/// What is said about the database, its address and the sealing keys.
enum SessionTexts {
    static let noDatabase = CommandFailure.badInput(
        "no database is named",
        hint: "Give --database-url or TURNUP_DATABASE_URL, or use \"turnup up\" for a private one.")
    static let oneAddress = ValidationError("--database-url and --database-url-file exclude each other")

    // MARK: The private PostgreSQL

    static func making(_ folder: String) -> String { "Making a private PostgreSQL in \(folder) ..." }
    static func using(_ folder: String) -> String { "Using the private PostgreSQL in \(folder)." }

    // MARK: Files with secrets

    /// What such a file holds, in the sentences below.
    static let databaseAddress = "the database's address and password"

    static func readByAll(_ path: String, _ what: String) -> CommandFailure {
        .badInput("\(path) holds \(what), and every account of this machine may read it", hint: "chmod o= \(path)")
    }

    static func holdsNone(_ path: String, _ what: String) -> CommandFailure {
        .badInput("\(path) does not hold \(what): it is too long, or it is not text")
    }

    static func holdsNothing(_ path: String, _ what: String) -> CommandFailure {
        .badInput("\(path) is empty; it should hold \(what)")
    }

    // MARK: Sealing keys

    static func keysMissing(_ path: String) -> CommandFailure {
        CommandFailure(
            exitCode: 3, message: "the key file \(path) is missing, and this database has sealed secrets",
            hint: "Bring the file from the machine where it was made, or name it with TURNUP_KEY_FILE.")
    }

    static func keysMade(_ path: String) -> String {
        "Made the key file \(path). Keep a copy: without it sealed secrets cannot be read."
    }
}
