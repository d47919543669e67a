/// What went wrong between this process and PostgreSQL.
///
/// `description` is for people and logs: it never holds parameters, row contents or passwords. `message`, `detail` and
/// `context` are the server's own words and may quote data; show them to whoever may see that data.
public struct PostgresError: Error, Sendable {
    public let kind: Kind
    /// The server's five-character code, when the server gave one.
    public var sqlState: String?
    public var message: String
    public var detail: String?
    public var hint: String?
    public var context: String?
    public var schema: String?
    public var table: String?
    public var column: String?
    public var constraint: String?
    /// Where in the statement the error is, counted in characters from 1.
    public var position: Int?
    /// Which statement failed: the label given with it, or its beginning up to the first quoted literal.
    public var statement: String?
    /// Host, port and database, never user or password.
    public var server: String?

    /// The role that was refused, where the server refused for want of a right.
    public var role: String?
    /// The change stands on this server, and its synchronous standby has not confirmed it.
    public var awaitsStandby = false

    /// Nothing of the statement was sent, because the server had closed the connection before.
    var isStaleConnection = false

    init(_ kind: Kind, _ message: String, statement: String? = nil, server: String? = nil, hint: String? = nil) {
        self.kind = kind
        self.message = message
        self.statement = statement
        self.server = server
        self.hint = hint
    }

    /// The kind of an error; kinds may be added, so compare rather than list them.
    public struct Kind: Sendable, Hashable, CustomStringConvertible {
        public let description: String

        private init(_ description: String) { self.description = description }

        /// No connection could be made in time.
        public static let connectionFailed = Kind("connection_failed")
        /// The server refused who we are.
        public static let authenticationFailed = Kind("authentication_failed")
        /// The connection string or an override cannot be used.
        public static let invalidConfiguration = Kind("invalid_configuration")
        /// Connected, but the session cannot be brought into the state this library relies on.
        public static let unsuitableServer = Kind("unsuitable_server")
        /// The connection broke, and it is certain that the statement changed nothing.
        public static let connectionLost = Kind("connection_lost")
        /// The connection broke while a statement was under way, or its success came only after it was told to stop: it
        /// may or may not have taken effect. Look, do not repeat.
        public static let outcomeUnknown = Kind("outcome_unknown")
        /// The server answered with an error; `sqlState` says which.
        public static let server = Kind("server_error")
        /// A parameter cannot be sent; nothing was.
        public static let invalidParameter = Kind("invalid_parameter")
        /// A column is absent or does not hold what was asked for.
        public static let decoding = Kind("decoding_failed")
        /// The time given was over; the statement changed nothing.
        public static let timeout = Kind("timeout")
        /// The task was cancelled; the statement changed nothing.
        public static let cancelled = Kind("cancelled")
        /// The transaction was rolled back because one of its statements had failed.
        public static let transactionAborted = Kind("transaction_aborted")
        /// The connection was closed by this process before.
        public static let connectionClosed = Kind("connection_closed")
        /// The pool was closed by this process before.
        public static let poolClosed = Kind("pool_closed")
        /// This library was used in a way it does not support; nothing was sent.
        public static let misuse = Kind("misuse")
    }
}

extension PostgresError {
    /// The same work may succeed when simply done again: serialization failure, deadlock, lock not available.
    public var isRetryable: Bool {
        sqlState == "40001" || sqlState == "40P01" || sqlState == "55P03"
    }

    /// The server or the way to it is the trouble, not the statement.
    public var isConnectionProblem: Bool {
        switch kind {
        case .connectionFailed, .connectionLost, .outcomeUnknown: true
        default:
            switch sqlState {
            case "57P01", "57P02", "57P03": true
            case .some(let state): state.hasPrefix("08")
            case nil: false
            }
        }
    }

    /// A write reached a server that only reads, as after a failover.
    public var isReadOnlyServer: Bool { sqlState == "25006" }

    /// The role may not do this; `role` and `message` say who and what.
    public var isMissingRight: Bool { sqlState == "42501" }
}

extension PostgresError: CustomStringConvertible {
    public var description: String {
        var text = "PostgreSQL: \(safeMessage)"
        var facts: [String] = [kind.description]
        if let sqlState { facts.append("SQLSTATE \(sqlState)") }
        if let constraint { facts.append("constraint \(constraint)") }
        if let table { facts.append("table \(table)") }
        if let column { facts.append("column \(column)") }
        if let statement { facts.append("in “\(statement)”") }
        if let position { facts.append("at character \(position)") }
        if let server { facts.append("on \(server)") }
        text += " [\(facts.joined(separator: ", "))]"
        if let hint { text += " Hint: \(hint)" }
        return text
    }

    /// Class 22 messages quote the value that could not be read, so what stands in quotes is left out.
    private var safeMessage: String {
        guard let sqlState, sqlState.hasPrefix("22") else { return message }
        var text = ""
        var isQuoted = false
        for character in message {
            if character == "\"" {
                text += isQuoted ? "…\"" : "\""
                isQuoted.toggle()
            } else if !isQuoted {
                text.append(character)
            }
        }
        return isQuoted ? text + "…" : text
    }
}

extension PostgresError {
    static func invalidParameter(_ message: String, label: String) -> PostgresError {
        PostgresError(.invalidParameter, "The statement was not sent: \(message).", statement: label)
    }

    static func decoding(_ message: String) -> PostgresError {
        PostgresError(.decoding, message)
    }

    /// The error with its position moved back by the length of a text that was put before the statement.
    func movingPosition(by distance: Int) -> PostgresError {
        var moved = self
        moved.position = position.map { max(1, $0 + distance) }
        return moved
    }

    /// The beginning of a statement up to its first literal, for errors about statements nobody named.
    static func label(of sql: String) -> String {
        var label = ""
        var length = 0
        var previous: Character = " "
        for character in sql.prefix(400) {
            if character == "'" || (previous == "$" && !character.isNumber) { break }
            let next: Character = character.isWhitespace ? " " : character
            if next != " " || previous != " " {
                label.append(next)
                length += 1
            }
            previous = next
            if length >= 80 { return label + "…" }
        }
        return label.last == " " ? String(label.dropLast()) : label
    }
}
