import Postgres

/// What to say when the database's role may not do something.
enum MissingRight {
    static func sentence(_ error: PostgresError) -> String {
        let who = error.role.map { "the database role \"\($0)\"" } ?? "the database role"
        return "\(who) lacks a right: \(error.description)"
    }

    /// The statements that grant the missing right, as far as the server's message names it; else the statements for
    /// all rights that a worker needs.
    static func hint(_ error: PostgresError) -> String {
        let role = quoted(error.role ?? "ROLE")
        let schema = "grant usage on schema turnup to \(role)"
        let tables = "grant select, insert, update, delete on all tables in schema turnup to \(role)"
        let functions = "grant execute on all functions in schema turnup to \(role)"
        let words = error.message.split(separator: " ")
        let statements: [String]
        if words.starts(with: ["permission", "denied", "for"]), words.count > 4 {
            switch words[3] {
            case "schema": statements = [schema, tables, functions]
            case "table", "view": statements = [tables]
            case "function", "procedure": statements = [functions]
            case "database":
                return "Let a role with the right to create schemas run \"turnup migrate\"; workers need not have it."
            default: statements = [schema, tables, functions]
            }
        } else if words.starts(with: ["must", "be", "owner"]) {
            return "Run it as the role that owns the schema turnup, with which \"turnup migrate\" was run first."
        } else {
            statements = [schema, tables, functions]
        }
        return "As the owner of the schema: " + statements.map { $0 + ";" }.joined(separator: " ")
    }

    private static func quoted(_ name: String) -> String { "\"\(name.replacing("\"", with: "\"\""))\"" }
}
