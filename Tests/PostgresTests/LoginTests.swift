import Glibc
import LocalPostgres
import Testing

@testable import Postgres

/// A PostgreSQL that wants a password and offers TLS on a loopback address, as a hosted one does.
private struct GuardedServer {
    static let password = "p@ss w/rd%41'x"
    /// The password as a URI has it.
    static let encoded = "p%40ss%20w%2Frd%2541%27x"
    let temporary: TemporaryPostgres
    /// One of many loopback addresses, so that the usual port is free.
    let address: String
    /// The file of the server's own certificate, which serves as the root.
    let certificate: String

    static var canMakeCertificates: Bool { access("/usr/bin/openssl", X_OK) == 0 }

    init(offersTLS: Bool = true) throws {
        address = "127.\(Int.random(in: 1...250)).\(Int.random(in: 1...250)).\(Int.random(in: 2...250))"
        temporary = try TemporaryPostgres()
        let server = temporary.server
        try server.ensureRunning()
        let data = try server.run(sql: "show data_directory", database: "postgres")
        certificate = "\(temporary.directory)/root.crt"
        // By the server itself, so that its files belong to its account.
        let quoted = Self.password.replacing("'", with: "''")
        try server.run(
            sql: """
                set password_encryption = 'scram-sha-256';
                create role guarded login password '\(quoted)';
                copy (values ('local all all trust'), ('host all all 0.0.0.0/0 scram-sha-256')) to '\(data)/access.conf';
                alter system set hba_file = '\(data)/access.conf';
                alter system set listen_addresses = '\(address)';
                """, database: "postgres")
        if offersTLS {
            try server.run(
                sql: """
                    copy (select) to program 'openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=db.test \
                    -addext subjectAltName=DNS:db.test -keyout "\(data)/server.key" -out "\(data)/server.crt" 2>/dev/null';
                    alter system set ssl = on;
                    """, database: "postgres")
            let text = try server.run(sql: "select pg_read_file('\(data)/server.crt')", database: "postgres")
            let file = open(certificate, O_WRONLY | O_CREAT | O_EXCL, 0o644)
            defer { close(file) }
            try #require(write(file, text, text.utf8.count) == text.utf8.count)
        }
        try server.stop()
        try server.ensureRunning()
    }

    func uri(password: String = encoded, host: String? = nil, _ rest: String) -> PostgresConfiguration {
        let host = host.map { "\($0)" } ?? address
        return PostgresConfiguration(
            connectionString: "postgresql://guarded:\(password)@\(host):5432/postgres?\(rest)",
            overrides: ["hostaddr": address])
    }
}

@Suite("Logging in as to a hosted server", .timeLimit(.minutes(15)))
struct LoginTests {
    @Test func `a password with every awkward character is taken from a URI; a wrong one is told without being shown`()
        async throws
    {
        let server = try GuardedServer(offersTLS: false)
        let connection = try await PostgresConnection.connect(server.uri("sslmode=prefer"))
        try await expectUsable(connection)
        #expect(await !connection.serverDescription.contains("p@ss"))
        await connection.close()
        let wrong = await postgresError {
            try await PostgresConnection.connect(server.uri(password: "not-the-p%40ss", "sslmode=prefer"))
        }
        #expect(wrong?.kind == .authenticationFailed)
        #expect(wrong?.sqlState == "28P01")
        #expect(wrong.map { !"\($0)".contains("not-the") } == true)
        // Asked for, TLS is never done without.
        let plain = await postgresError { try await PostgresConnection.connect(server.uri("sslmode=require")) }
        #expect(plain?.kind == .connectionFailed)
        #expect(plain.map { "\($0)".contains("does not support SSL") } == true, "\(String(describing: plain))")
    }

    @Test(.enabled(if: GuardedServer.canMakeCertificates, "openssl is not installed"))
    func `with sslmode=verify-full the session is encrypted; a wrong name or an unknown certificate is refused`()
        async throws
    {
        let server = try GuardedServer()
        let trusted = "sslmode=verify-full&sslrootcert=\(server.certificate)"
        let connection = try await PostgresConnection.connect(server.uri(host: "db.test", trusted))
        let encrypted = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        #expect(try await connection.query(encrypted, readOnly: true).onlyRow().bool(0))
        // Large answers and large statements go through TLS as well.
        let text = try await connection.query("SELECT repeat('x', 3000000)", readOnly: true).onlyRow().string(0)
        #expect(text.utf8.count == 3_000_000)
        let sent = try await connection.query("SELECT $1::text", [.text(text)], readOnly: true).onlyRow().string(0)
        #expect(sent == text)
        await connection.close()
        let name = await postgresError { try await PostgresConnection.connect(server.uri(host: "other.test", trusted)) }
        #expect(name?.kind == .connectionFailed)
        #expect(name.map { "\($0)".contains("other.test") } == true, "\(String(describing: name))")
        let unknown = await postgresError {
            try await PostgresConnection.connect(
                server.uri(host: "db.test", "sslmode=verify-full&sslrootcert=/nonexistent/root.crt"))
        }
        #expect(unknown?.kind == .connectionFailed)
        #expect(unknown.map { !"\($0)".contains(GuardedServer.password) } == true)
    }
}
