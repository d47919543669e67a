public import Logging

/// Where the database is and how its sessions are set up.
///
/// With no connection string, libpq's own variables (`PGHOST`, `PGDATABASE`, …) and service files apply.
public struct PostgresConfiguration: Sendable {
    /// A `postgresql://` URI, a `keyword=value` string or a plain database name, with everything libpq knows: several
    /// hosts, `target_session_attrs`, TLS, service files.
    public var connectionString: String?
    /// libpq keywords that win over the connection string, such as `dbname` or `password`.
    public var overrides: [String: String]
    /// Shown in `pg_stat_activity`.
    public var applicationName: String?
    /// How long making a connection may take altogether; looking up a host name counts but cannot be interrupted.
    public var connectTimeout: Duration = .seconds(10)
    /// The server ends statements that run longer; nil leaves what the server and its role say.
    public var statementTimeout: Duration?
    /// The server ends statements that wait longer for a lock.
    public var lockTimeout: Duration?
    /// The server ends sessions that leave a transaction open for longer.
    public var idleInTransactionTimeout: Duration?
    /// The time limit of every statement that is given none of its own; measured here, not by the server.
    public var queryTimeout: Duration?
    /// How long to wait for an answer after asking the server to stop a statement, before the connection is given up.
    public var cancelGrace: Duration = .seconds(5)
    /// Where unqualified names are looked for. The default finds nothing that another role can make; nil leaves what
    /// the role and the database say.
    public var searchPath: String? = "pg_catalog, pg_temp"
    /// Told the label of each statement with parameters once it was sent, before its answer is read; for fault tests.
    public var statementSent: (@Sendable (String) -> Void)?
    /// Receives the server's notices, at debug level.
    public var logger: Logger

    public init(
        connectionString: String? = nil, overrides: [String: String] = [:], applicationName: String? = nil,
        logger: Logger = Logger(label: "postgres")
    ) {
        self.connectionString = connectionString.flatMap { $0.isEmpty ? nil : $0 }
        self.overrides = overrides
        self.applicationName = applicationName
        self.logger = logger
    }
}

extension PostgresConfiguration: CustomStringConvertible, CustomReflectable {
    /// Says nothing about the connection string and the overrides, because they may hold a password.
    public var description: String {
        let source = connectionString == nil ? "libpq's variables and service files" : "a connection string"
        return "PostgresConfiguration(\(source), \(overrides.count) overrides)"
    }

    public var customMirror: Mirror { Mirror(self, children: ["source": description]) }
}

extension PostgresConfiguration {
    /// Keywords and values in libpq's order of precedence, later over earlier.
    var keywords: [(keyword: String, value: String)] {
        var keywords = [
            // Without these settings only the kernel's two hours would reveal a peer that died silently.
            ("keepalives_idle", "30"), ("keepalives_interval", "10"), ("keepalives_count", "3"),
            ("tcp_user_timeout", "60000"), ("fallback_application_name", "turnup"),
        ]
        if let connectionString { keywords.append(("dbname", connectionString)) }
        keywords += overrides.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        if let applicationName { keywords.append(("application_name", applicationName)) }
        keywords.append(("client_encoding", "UTF8"))
        return keywords.map { (keyword: $0.0, value: $0.1) }
    }

    /// What reading and writing values, and the meaning of names, relies on; set by `set_config`, which alone wins over
    /// PG* variables, roles and databases, and verified afterwards.
    var reliedUponSettings: [(name: String, value: String)] {
        let settings = [
            (name: "client_encoding", value: "UTF8"),
            (name: "DateStyle", value: "ISO, MDY"),
            (name: "TimeZone", value: "UTC"),
            (name: "standard_conforming_strings", value: "on"),
            (name: "bytea_output", value: "hex"),
            (name: "extra_float_digits", value: "1"),
        ]
        return settings + (searchPath.map { [(name: "search_path", value: $0)] } ?? [])
    }

    /// An answered commit must survive a crash of the server, whatever default the role or the database has. The other
    /// values of the setting concern replicas, and stay.
    private static func durableCommits(isLocal: String) -> String {
        """
        CASE WHEN pg_catalog.current_setting('synchronous_commit') OPERATOR(pg_catalog.=) 'off' \
        THEN pg_catalog.set_config('synchronous_commit', 'on', \(isLocal)) END
        """
    }

    /// When the server started, as a number: it changes with a restart, and from server to server.
    private static let serverStart = """
        (pg_catalog.date_part('epoch', pg_catalog.pg_postmaster_start_time()) OPERATOR(pg_catalog.*) 1000000)\
        ::pg_catalog.int8
        """

    /// The statement that makes all these settings; where `isLocal` holds, only until the end of the transaction. It
    /// trusts no search path. Its first column tells one server from another.
    func settingStatement(isLocal: String) -> String {
        let calls = (reliedUponSettings + limitSettings).map { setting in
            let value = setting.value.replacing("'", with: "''")
            return "pg_catalog.set_config('\(setting.name)', '\(value)', \(isLocal))"
        }
        return "SELECT "
            + ([Self.serverStart] + calls + [Self.durableCommits(isLocal: isLocal)]).joined(separator: ", ")
    }

    /// The server-side time limits asked for, in milliseconds.
    var limitSettings: [(name: String, value: String)] {
        let limits = [
            ("statement_timeout", statementTimeout), ("lock_timeout", lockTimeout),
            ("idle_in_transaction_session_timeout", idleInTransactionTimeout),
        ]
        return limits.compactMap { name, limit in
            limit.map { (name: name, value: String(min($0.wholeMilliseconds, 2_147_483_647))) }
        }
    }
}
