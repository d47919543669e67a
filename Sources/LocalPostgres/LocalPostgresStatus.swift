/// What is known about the private PostgreSQL at one moment.
public struct LocalPostgresStatus: Sendable, Equatable {
    public enum State: String, Sendable {
        /// No data folder has been made yet.
        case absent
        /// The data is there, no server runs.
        case stopped
        /// A server runs but does not accept connections yet, for instance while it recovers from a crash.
        case starting
        /// The server accepts connections.
        case running
        /// The server is shutting down.
        case stopping
    }

    public let state: State
    /// The server's first process; `nil` when none runs.
    public let processIdentifier: Int32?
    /// Major version that made the data folder; `nil` when there is none.
    public let majorVersion: Int?
    public let dataDirectory: String
    public let socketDirectory: String
    /// Folder with the server's own log, one file per weekday, overwritten a week later.
    public let logDirectory: String
    /// How to connect, as a libpq URI.
    public let url: String
}
