import CLibpq
import Glibc

extension Wire {
    /// Connects without blocking in libpq, apart from its look-up of host names. Each of several hosts gets its share of
    /// the time.
    func connect(_ configuration: PostgresConfiguration, interrupt: Interrupt?) throws(PostgresError) {
        try Self.check(configuration)
        let deadline = MonotonicTime.now + configuration.connectTimeout
        var keywords = configuration.keywords
        while let narrowed = try attempt(keywords, configuration, deadline: deadline, interrupt: interrupt) {
            keywords += narrowed
        }
        describeServer()
    }

    /// Nil when connected; otherwise the keywords to add so that the next try leaves out the silent hosts.
    private func attempt(
        _ keywords: [(keyword: String, value: String)], _ configuration: PostgresConfiguration,
        deadline: MonotonicTime, interrupt: Interrupt?
    ) throws(PostgresError) -> [(keyword: String, value: String)]? {
        try start(keywords, configuration)
        var hosts = HostList(handle)
        var hostDeadline = share(of: deadline, among: hosts.left)
        var step = PGRES_POLLING_WRITING
        while PQstatus(handle) != CONNECTION_BAD {
            if interrupt?.isRaised == true { throw failure(.cancelled, "Connecting was cancelled.") }
            let readiness = SocketReadiness.wait(
                socket: PQsocket(handle), reading: step == PGRES_POLLING_READING,
                writing: step == PGRES_POLLING_WRITING, waker: waker, deadline: hostDeadline)
            switch readiness {
            case .woken: continue
            case .expired:
                if let narrowed = hosts.withoutCurrent { return narrowed }
                throw failure(
                    .connectionFailed, "No connection to \(attempted) within \(configuration.connectTimeout).")
            case .failed(let code): throw failure(.connectionFailed, "Waiting for the socket failed (errno \(code)).")
            case .ready: break
            }
            step = PQconnectPoll(handle)
            if step == PGRES_POLLING_OK {
                guard PQsetnonblocking(handle, 1) == 0 else { break }
                return nil
            }
            if step == PGRES_POLLING_FAILED { break }
            if hosts.follow(handle) { hostDeadline = share(of: deadline, among: hosts.left) }
        }
        throw refusal()
    }

    private func start(
        _ keywords: [(keyword: String, value: String)], _ configuration: PostgresConfiguration
    ) throws(PostgresError) {
        let started = Self.withCStrings(keywords.map(\.keyword)) { names in
            Self.withCStrings(keywords.map(\.value)) { values in
                PQconnectStartParams(names, values, configuration.connectionString == nil ? 0 : 1)
            }
        }
        guard let started else { throw PostgresError(.connectionFailed, "There is no memory for a connection.") }
        adopt(started, logger: configuration.logger)
        // Only with this setting do libpq's connection errors carry the SQLSTATE.
        PQsetErrorVerbosity(handle, PQERRORS_VERBOSE)
    }

    private func share(of deadline: MonotonicTime, among hosts: Int) -> MonotonicTime {
        let now = MonotonicTime.now
        return now + deadline.since(now) / max(1, hosts)
    }

    private var attempted: String {
        describeServer()
        return server
    }

    private func failure(_ kind: PostgresError.Kind, _ message: String) -> PostgresError {
        let error = PostgresError(kind, message, server: attempted)
        close()
        return error
    }

    /// libpq's own words about a failed attempt, with the SQLSTATE found in them.
    private func refusal() -> PostgresError {
        let text = String(cString: PQerrorMessage(handle))
        let (message, sqlState) = Self.readVerbose(text)
        let isAuthentication = PQconnectionNeedsPassword(handle) == 1 || sqlState?.hasPrefix("28") == true
        var error = failure(isAuthentication ? .authenticationFailed : .connectionFailed, message)
        error.sqlState = sqlState
        if message.contains("unsupported startup parameter") {
            error.hint =
                "A connection pooler is in between: leave PGOPTIONS and options= away, "
                + "or let it ignore them (PgBouncer: ignore_startup_parameters)."
        }
        return error
    }

    /// Takes "FATAL:  28P01: text\nLOCATION:  …" apart; the severity may be in any language, the code is not.
    static func readVerbose(_ text: String) -> (message: String, sqlState: String?) {
        var sqlState: String?
        var lines: [String] = []
        for line in text.split(whereSeparator: \.isNewline) where !line.hasPrefix("LOCATION:") {
            var line = String(line.drop(while: \.isWhitespace))
            if let start = line.range(ofCode: ":  ") {
                let code = line[start].prefix(5)
                sqlState = String(code)
                line = String(line[..<start.lowerBound].dropLast() + line[start].dropFirst(7))
            }
            lines.append(line)
        }
        return (lines.joined(separator: " "), sqlState)
    }

    /// Refuses a connection string for which libpq's error would quote a password that it took for something else.
    private static func check(_ configuration: PostgresConfiguration) throws(PostgresError) {
        let hint = "Percent-encode special characters in user and password, or give the password by PGPASSFILE."
        for (keyword, value) in configuration.keywords where keyword.utf8.contains(0) || value.utf8.contains(0) {
            throw PostgresError(.invalidConfiguration, "The connection settings contain a NUL character.")
        }
        guard let text = configuration.connectionString else { return }
        guard text.contains("=") || text.contains("://") else {
            // Taken for a database's name by libpq; "postgres//user:password@host" is meant as more.
            guard text.contains("@") else { return }
            throw PostgresError(.invalidConfiguration, "The connection string cannot be read.", hint: hint)
        }
        var ignored: UnsafeMutablePointer<CChar>?
        guard let options = PQconninfoParse(text, &ignored) else {
            PQfreemem(ignored)
            throw PostgresError(.invalidConfiguration, "The connection string cannot be read.", hint: hint)
        }
        defer { PQconninfoFree(options) }
        var option = options
        while let keyword = option.pointee.keyword {
            let name = String(cString: keyword)
            let value = option.pointee.val.map { String(cString: $0) } ?? ""
            let isOdd =
                switch name {
                case "port": !value.allSatisfy { $0.isASCII && ($0.isNumber || $0 == ",") }
                case "host", "dbname": value.contains("@") && !value.hasPrefix("@") && !value.hasPrefix("/")
                default: false
                }
            if isOdd {
                let message =
                    "The \(name) in the connection string cannot be right (it is not shown: it may be a password)."
                throw PostgresError(.invalidConfiguration, message, hint: hint)
            }
            option += 1
        }
    }

    /// The strings as a NULL-terminated array of C strings, valid during `body`.
    private static func withCStrings<Value>(
        _ strings: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>?) -> Value
    ) -> Value {
        var pointers = strings.map { strdup($0).map { UnsafePointer($0) } }
        pointers.append(nil)
        defer {
            for case let pointer? in pointers { free(UnsafeMutablePointer(mutating: pointer)) }
        }
        return pointers.withUnsafeBufferPointer { body($0.baseAddress) }
    }
}

extension String {
    /// The part after `marker` when it begins with a SQLSTATE and a colon.
    fileprivate func range(ofCode marker: String) -> Range<String.Index>? {
        var start = startIndex
        while start < endIndex {
            let rest = self[start...]
            if rest.hasPrefix(marker) {
                let code = rest.dropFirst(marker.count)
                let isCode = code.prefix(5).allSatisfy { $0.isASCII && ($0.isNumber || $0.isUppercase) }
                if isCode, code.count > 7, code.dropFirst(5).hasPrefix(": ") { return code.startIndex..<endIndex }
            }
            start = index(after: start)
        }
        return nil
    }
}
