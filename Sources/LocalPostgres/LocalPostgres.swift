import Foundation
import Glibc

/// A private PostgreSQL for people who named no database.
///
/// It listens on a Unix socket only, belongs to one operating system account, outlives the command that started it and
/// is found again by the next one. All methods block the calling thread: a first start takes seconds, finding a running
/// server takes a few milliseconds.
public struct LocalPostgres: Sendable {
    private let configuration: LocalPostgresConfiguration
    private let authentication: ClientAuthentication
    private let namedBinDirectory: String?
    private let searchPath: String
    let layout: ClusterLayout

    /// Decides where the server lives; nothing is touched yet.
    ///
    /// - Throws: ``LocalPostgresError`` when there is no usable folder to keep it in.
    public init(configuration: LocalPostgresConfiguration = .init()) throws(LocalPostgresError) {
        try self.init(configuration: configuration, authentication: .account)
    }

    init(
        configuration: LocalPostgresConfiguration, authentication: ClientAuthentication
    ) throws(LocalPostgresError) {
        let environment = ProcessInfo.processInfo.environment
        self.configuration = configuration
        self.authentication = authentication
        self.namedBinDirectory =
            configuration.binDirectory ?? environment["TURNUP_POSTGRES_BIN"].flatMap { $0.isEmpty ? nil : $0 }
        self.searchPath = environment["PATH"] ?? ""
        self.layout = try ClusterLayout(stateDirectory: configuration.stateDirectory, environment: environment)
    }

    /// The folder of this installation: the cluster, and beside it the key file.
    public var stateDirectory: String { layout.stateDirectory }

    /// Makes that folder as the server will need it, for whoever writes there first.
    public func makeStateDirectory() throws(LocalPostgresError) { try layout.makeStateDirectory() }

    /// How Turnup connects: database and role `turnup`, as a libpq URI. The role is no superuser.
    public var url: String { url(database: ClusterSettings.role) }

    /// How to connect as the superuser, for repairs.
    public var administratorURL: String {
        layout.url(role: ClusterSettings.administrator, database: ClusterSettings.role)
    }

    /// How to connect to another database of this server as the role `turnup`.
    public func url(database: String) -> String {
        layout.url(role: ClusterSettings.role, database: database)
    }

    /// Makes and starts the server where needed and waits until it accepts connections.
    ///
    /// Commands that call this at the same moment wait for each other; one of them does the work.
    ///
    /// - Throws: ``LocalPostgresError``
    @discardableResult
    public func ensureRunning() throws(LocalPostgresError) -> LocalPostgresStatus {
        try layout.makeOuterDirectories()
        return try ClusterLock.holding(layout.lockFile, timeoutSeconds: configuration.timeoutSeconds) {
            () throws(LocalPostgresError) in try startWhenNeeded()
        }
    }

    private func startWhenNeeded() throws(LocalPostgresError) -> LocalPostgresStatus {
        let control = ServerControl(layout: layout, timeoutSeconds: configuration.timeoutSeconds)
        if case .server(let process) = ServerProcess.find(layout), let ready = try control.settle(process) {
            if control.answers(ready) { return status(of: ready) }
            // Nobody can reach it any more; a start makes its socket anew.
            try control.stop(ready)
        }
        try ClusterInitialisation.requireOwnData(layout)
        let account = try ServerAccount.choose(dataDirectory: layout.dataDirectory)
        let binaries = try ServerBinaries.find(
            named: namedBinDirectory, dataVersion: layout.dataVersion, searchPath: searchPath)
        try layout.makeServerDirectories(account)
        try account.requireReach([binaries.directory])
        if ClusterInitialisation.isNeeded(layout) {
            try ClusterInitialisation(
                layout: layout, account: account, binaries: binaries, durable: configuration.durable
            ).run()
        }
        let settings = ClusterSettings(
            layout: layout, account: account, durable: configuration.durable, extra: configuration.extraSettings,
            authentication: authentication)
        try settings.write()
        return status(of: try control.start(binaries: binaries, account: account, settings: settings))
    }

    /// Stops the server: open transactions are rolled back, commits stay. Waits until it is gone.
    ///
    /// - Returns: whether there was a server to stop.
    /// - Throws: ``LocalPostgresError``
    @discardableResult
    public func stop() throws(LocalPostgresError) -> Bool {
        guard FileFacts(of: layout.directory) != nil else { return false }
        return try ClusterLock.holding(layout.lockFile, timeoutSeconds: configuration.timeoutSeconds) {
            () throws(LocalPostgresError) in
            guard case .server(let process) = ServerProcess.find(layout) else { return false }
            try ServerControl(layout: layout, timeoutSeconds: configuration.timeoutSeconds).stop(process)
            return true
        }
    }

    /// What is there right now; touches nothing and waits for nobody.
    public func status() -> LocalPostgresStatus {
        if case .server(let process) = ServerProcess.find(layout) { return status(of: process) }
        return status(state: FileFacts(of: layout.marker) == nil ? .absent : .stopped, processIdentifier: nil)
    }

    /// Runs statements through `psql` as the superuser and answers the rows, columns separated by `|`.
    ///
    /// - Throws: ``LocalPostgresError`` with the server's message when a statement fails.
    @discardableResult
    public func run(sql: String, database: String = "turnup") throws(LocalPostgresError) -> String {
        let binaries = try ServerBinaries.find(
            named: namedBinDirectory, dataVersion: layout.dataVersion, searchPath: searchPath)
        let outcome = try Command(
            [
                binaries.psql, "--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set=ON_ERROR_STOP=1",
                "--dbname=\(layout.url(role: ClusterSettings.administrator, database: database))", "--file=-",
            ],
            input: sql, timeoutSeconds: configuration.timeoutSeconds
        ).run()
        guard outcome.succeeded else {
            throw LocalPostgresError(.statement, "A statement failed: \(lastLines(of: outcome.output)).")
        }
        return outcome.output.trimmingCharacters(in: .newlines)
    }

    /// Makes an empty database that belongs to `turnup`; one of this name, with all that is in it, goes.
    public func makeAnew(database: String) throws(LocalPostgresError) {
        try run(sql: "drop database if exists \(database) with (force)")
        try run(sql: "create database \(database) owner turnup")
    }

    private func status(of process: ServerProcess) -> LocalPostgresStatus {
        let state: LocalPostgresStatus.State =
            switch process.phase {
            case .starting: .starting
            case .ready: .running
            case .stopping: .stopping
            }
        return status(state: state, processIdentifier: process.identifier)
    }

    private func status(state: LocalPostgresStatus.State, processIdentifier: Int32?) -> LocalPostgresStatus {
        LocalPostgresStatus(
            state: state, processIdentifier: processIdentifier, majorVersion: layout.dataVersion,
            dataDirectory: layout.dataDirectory, socketDirectory: layout.socketDirectory,
            logDirectory: layout.logDirectory, url: url)
    }
}
