/// Why the private PostgreSQL could not be found, made, started or stopped, and what to do about it.
public struct LocalPostgresError: Error, Sendable, CustomStringConvertible {
    /// Stable name of a failure; compare codes, never messages.
    public struct Code: RawRepresentable, Hashable, Sendable {
        public let rawValue: String

        public init(rawValue: String) {
            self.rawValue = rawValue
        }

        /// No PostgreSQL server programs on this machine, or not where the caller said.
        public static let notInstalled = Code(rawValue: "postgres-not-installed")
        /// The server programs are older than version 14.
        public static let tooOld = Code(rawValue: "postgres-too-old")
        /// The data folder was made by another major version than the programs found.
        public static let versionMismatch = Code(rawValue: "postgres-version-mismatch")
        /// The data folder exists but was not made, or not finished, by Turnup.
        public static let foreignData = Code(rawValue: "postgres-foreign-data")
        /// A folder cannot be used: its path, its owner or its permissions.
        public static let folder = Code(rawValue: "postgres-folder")
        /// No account is left that the server could run as.
        public static let account = Code(rawValue: "postgres-account")
        /// Another command held the lock for too long.
        public static let busy = Code(rawValue: "postgres-busy")
        /// A setting given by the caller cannot be written into the configuration.
        public static let setting = Code(rawValue: "postgres-setting")
        /// Making the data folder failed.
        public static let initialisation = Code(rawValue: "postgres-init-failed")
        /// The server did not start, or not in time.
        public static let start = Code(rawValue: "postgres-start-failed")
        /// The server did not stop in time.
        public static let stop = Code(rawValue: "postgres-stop-failed")
        /// A statement sent through `psql` failed.
        public static let statement = Code(rawValue: "postgres-statement-failed")
        /// A program could not be run at all.
        public static let command = Code(rawValue: "postgres-command-failed")
    }

    /// Stable name of the failure.
    public let code: Code
    /// What happened and where.
    public let message: String
    /// What to do about it; empty where nothing is known.
    public let hint: String

    /// Makes an error; the message and the hint are whole sentences without a secret.
    public init(_ code: Code, _ message: String, hint: String = "") {
        self.code = code
        self.message = message
        self.hint = hint
    }

    public var description: String {
        hint.isEmpty ? "\(message) [\(code.rawValue)]" : "\(message) [\(code.rawValue)]\n\(hint)"
    }
}
