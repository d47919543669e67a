import Foundation

/// Secrets that a service manager hands over as files: systemd's `$CREDENTIALS_DIRECTORY`, or a file that is named.
enum CredentialFile {
    /// A libpq URI or keyword string, with the password.
    static let databaseURL = "database-url"
    /// The file with the sealing keys.
    static let keys = "keys.json"

    /// Where the service manager put a credential; nil when it gave none of this name.
    static func path(_ name: String) -> String? {
        guard let folder = ProcessInfo.processInfo.environment["CREDENTIALS_DIRECTORY"], !folder.isEmpty else {
            return nil
        }
        let path = folder + "/" + name
        return access(path, F_OK) == 0 ? path : nil
    }

    /// Whether the service manager put this file there. It guards the folder, and may show the group's bit for the one
    /// account that may read.
    static func isCredential(_ path: String) -> Bool {
        guard let folder = ProcessInfo.processInfo.environment["CREDENTIALS_DIRECTORY"], !folder.isEmpty else {
            return false
        }
        return path.hasPrefix(folder + "/")
    }

    /// The text of a file that others must not be able to read, without the newline at its end.
    static func text(_ path: String, what: String) throws -> String {
        var facts = stat()
        if stat(path, &facts) == 0, facts.st_mode & 0o007 != 0 {
            throw SessionTexts.readByAll(path, what)
        }
        let data = try InputFile.read(path)
        guard data.count <= 65_536, let text = String(data: data, encoding: .utf8), !text.utf8.contains(0) else {
            throw SessionTexts.holdsNone(path, what)
        }
        let trimmed = text.trimmingCharacters(in: .whitespacesAndNewlines)
        guard !trimmed.isEmpty else { throw SessionTexts.holdsNothing(path, what) }
        return trimmed
    }
}
