import CLibpq
import Synchronization

extension PostgresConnection {
    /// Gives the session the settings that this library relies on, or finds out that the connection has no session of
    /// its own.
    ///
    /// A pooler gives its clients a process number that no process of the server has. Behind a pooler the settings are
    /// made for one transaction at a time: the next user of the session must not find them, nor we those of others.
    func setUpSession() throws(PostgresError) {
        let relied = configuration.reliedUponSettings
        let isForeign = "pg_catalog.pg_backend_pid() OPERATOR(pg_catalog.<>) \(PQbackendPID(wire.handle))"
        let shown = relied.map { "pg_catalog.current_setting('\($0.name)')" } + [isForeign]
        let script =
            configuration.settingStatement(isLocal: isForeign) + "; SELECT \(shown.joined(separator: ", "))"
        var operation = try begin(
            label: "setting the session up", isHarmless: true, timeout: configuration.connectTimeout)
        let row = try exchange(&operation) { PQsendQuery($0, script) }.last?.onlyRow()
        for (column, setting) in relied.enumerated() {
            let actual = try row?.string(column) ?? "absent"
            guard actual == setting.value else {
                throw PostgresError(
                    .unsuitableServer,
                    "The session setting \(setting.name) should be \(setting.value) but is \(actual).",
                    server: wire.server, hint: "Is a connection pooler in between that keeps its own settings?")
            }
        }
        guard try row?.bool(relied.count) == true else { return }
        prelude = configuration.settingStatement(isLocal: "true")
        try requireTransactions()
    }

    /// A pooler that gives every statement another session can only be refused.
    private func requireTransactions() throws(PostgresError) {
        do throws(PostgresError) {
            for statement in ["BEGIN", "COMMIT"] {
                var operation = try begin(
                    label: "setting the session up", isHarmless: true, timeout: configuration.connectTimeout)
                _ = try exchange(&operation) { PQsendQuery($0, statement) }
            }
        } catch {
            throw PostgresError(
                .unsuitableServer, "The connection pooler does not keep a transaction together: \(error.message)",
                server: wire.server, hint: "Use its transaction mode (PgBouncer: pool_mode = transaction).")
        }
    }

    /// Behind a pooler, only the start time shows that the server is another one than before.
    func noteServer(_ preludeAnswer: PostgresRows?) {
        guard let start = try? preludeAnswer?.first?.int(0) else { return }
        condition.serverStart.store(start, ordering: .releasing)
    }

    /// The settings that must go before a statement now; nil on a session of our own, and nil when they went with
    /// BEGIN.
    var pendingPrelude: String? { wire.transactionStatus == PQTRANS_IDLE ? prelude : nil }
}
