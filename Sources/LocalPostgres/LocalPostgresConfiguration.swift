/// Where the private PostgreSQL lives and how it is run.
public struct LocalPostgresConfiguration: Sendable {
    /// Folder for everything kept between runs.
    ///
    /// `nil` takes `TURNUP_STATE_DIR`, then `/var/lib/turnup` for root, then `$XDG_STATE_HOME/turnup`,
    /// then `~/.local/state/turnup`.
    public var stateDirectory: String?
    /// Folder with `initdb`, `postgres` and `psql`; `nil` takes `TURNUP_POSTGRES_BIN`, then searches.
    public var binDirectory: String?
    /// Whether commits survive a power failure. Turn it off for data that nobody needs tomorrow.
    public var durable: Bool
    /// Further server settings by name, which win over Turnup's own choices but not over its safety settings.
    public var extraSettings: [String: String]
    /// Seconds to wait for a start, a stop or another command's lock.
    public var timeoutSeconds: Int

    public init(
        stateDirectory: String? = nil,
        binDirectory: String? = nil,
        durable: Bool = true,
        extraSettings: [String: String] = [:],
        timeoutSeconds: Int = 60
    ) {
        self.stateDirectory = stateDirectory
        self.binDirectory = binDirectory
        self.durable = durable
        self.extraSettings = extraSettings
        self.timeoutSeconds = timeoutSeconds
    }
}
