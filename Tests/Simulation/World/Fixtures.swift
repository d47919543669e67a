import Foundation
import WorkflowCore

/// What a request asks of the platform; the names of the fixtures' calls.
enum CallKind: String, CaseIterable {
    case create = "create_client"
    case token = "issue_token"
    case put = "put_thing"
    case check = "check_thing"
    case add = "create_thing"
    case addKeyed = "create_keyed"
    case addWithKey = "create_with_key"
    case list = "list_things"
    case remove = "remove_thing"
    case attach = "attach"
    case detach = "detach"
}

/// A definition with what the checker knows of it, written down by hand.
struct Fixture {
    let name: String
    let definition: Definition
    /// The transition table: every legal move.
    let moves: [(from: String, to: String)]
    /// The same with one promise taken out, for planted bugs.
    let loose: [Bug: Definition]
    /// The most attempts of one stay that end with the same error and are charged.
    let maximumAttempts: [String: Int]
    /// Errors that are bounded by time alone.
    var endless: Set<String> = []
    /// Whether a lost answer of the creating call can be settled without a person.
    let hasWay: Bool
    /// We choose the id: a second create is the same thing, even for another run with the same key.
    var choosesId = false
    /// Everything that a run made is taken back when it fails.
    var undoes = false
    /// The platform refuses a second thing with the same reference.
    var refusesTwins = false
    /// Nothing found is for a person to judge.
    var asksWhenNothingIsFound = false
    /// Of the platform that lies.
    var isLiedTo = false
    /// Others may have things of the same name, and what is found is not ours for that.
    var sharesNames = false
    /// Successes in a row that a state asks for.
    var stable: [String: Int] = [:]

    /// A deletion is looked up, so the platform may lie about it.
    var seesGone: Bool { definition.states.contains { $0.undo?.lookUp != nil } }

    /// States with a call, in the order of the table; cells of the marks.
    var callStates: [String] {
        definition.states.filter { if case .call = $0.action { true } else { false } }.map(\.name).sorted()
    }

    func allows(_ from: String, _ to: String) -> Bool { moves.contains { $0.from == from && $0.to == to } }
}

enum Fixtures {
    /// Read once; they are constants of the program.
    static let all: [Fixture] = honest + [marked, named, busy]

    /// Of a platform that is slow and loses answers, and tells the truth.
    static let honest = [number, thing, keyed, found, asked, both, replaced]

    /// So long the platform remembers idempotency values, and so late it may show what it has done.
    static let honouredMilliseconds: Int64 = 60_000
    static let readLagMilliseconds: Int64 = 6000
    /// Longer than a lease.
    static let longestRequestMilliseconds: Int64 = 25_000

    /// What the runs take for the digest of every definition.
    static let digest = String(repeating: "ab", count: 32)

    static func read(_ text: String) -> Definition {
        guard let tree = try? JSONValue.parse(text) else { preconditionFailure("a fixture is not JSON") }
        let (definition, problems) = Definition.read(canonical: Definition.canonicalOrder(of: tree))
        guard let definition else { preconditionFailure("a fixture is refused: \(problems)") }
        return definition
    }

    /// A definition as the author should not have written it, or as a broken engine would run it.
    static func looser(_ text: String, _ changes: [Bug: (String, String)]) -> [Bug: Definition] {
        changes.mapValues { from, to in
            guard let range = text.range(of: from) else { preconditionFailure("\(from) is not in the fixture") }
            return read(text.replacingCharacters(in: range, with: to))
        }
    }

    /// The flagship: creating is unsafe and the platform cannot be asked.
    private static let number = Fixture(
        name: "number",
        definition: read(
            """
            {"dsl": 1, "workflow": "number", "version": 1, "key": "${input.number}", "start": "requested",
             "input": {"number": {"type": "string", "pattern": "^[0-9]+$"}},
             "data": {"session": {"type": "string"}, "api_key": {"type": "string", "secret": true},
                      "token": {"type": "string", "secret": true}},
             "output": {"session": "${data.session}"},
             "services": {"wpp": {"timeout": "5s"}},
             "errors": {"key_not_active": {"status": 403, "when": "response.body.error == 'Invalid API key'"}},
             "retries": {"activation": {"delay": "1s", "backoff": 1.5, "max_delay": "10s", "jitter": "none", "within": "10m"},
                         "outage": {"delay": "1s", "max_delay": "10s", "max_attempts": 8}},
             "calls": {
               "create_client": {"request": "POST wpp:/create", "timeout": "25s", "body": {"organizationId": "${run.organisation}"},
                 "save": {"session": "${response.body.session}", "api_key": "${response.body.apiKey}"}},
               "issue_token": {"request": "POST wpp:/token", "body": {"apiKey": "${data.api_key}"}, "repeatable": true,
                 "timeout": "4s", "save": {"token": "${response.body.token}"}}},
             "states": {
               "requested": {"call": "create_client", "next": "client-created"},
               "client-created": {"next": "token-pending"},
               "token-pending": {"call": "issue_token",
                 "retry": [{"error": "key_not_active", "policy": "activation"}, {"error": "transient", "policy": "outage"}],
                 "next": "active"},
               "active": {"end": "succeeded"},
               "failed": {"end": "failed"}}}
            """),
        moves: [
            ("requested", "client-created"), ("requested", "failed"), ("client-created", "token-pending"),
            ("token-pending", "active"), ("token-pending", "failed"),
        ],
        loose: [:], maximumAttempts: ["requested": 6, "token-pending": 8], endless: ["key_not_active"], hasWay: false)

    /// Creating is safe to repeat, because we choose the id; with a pause, values and branches.
    private static let thing = Fixture(
        name: "thing",
        definition: read(
            """
            {"dsl": 1, "workflow": "thing", "version": 1, "key": "${input.number}", "start": "creating",
             "input": {"number": {"type": "string", "pattern": "^[0-9]+$"}},
             "data": {"thing": {"type": "string"}, "round": {"type": "integer"}},
             "output": {"thing": "${data.thing}"},
             "services": {"wpp": {"timeout": "5s"}},
             "retries": {"outage": {"delay": "1s", "max_delay": "5s", "jitter": "equal", "max_attempts": 10}},
             "calls": {
               "put_thing": {"request": "PUT wpp:/things/${run.key}", "save": {"thing": "${response.body.id}"}},
               "check_thing": {"request": "GET wpp:/things/${data.thing}"}},
             "states": {
               "creating": {"call": "put_thing", "retry": [{"error": ["transient", "unknown_outcome", "bad_answer", "http.5xx"], "policy": "outage"}],
                 "catch": [{"error": "any", "hold": "creating failed: ${error.name}"}], "next": "settling"},
               "settling": {"pause": "2s", "next": "counting"},
               "counting": {"set": {"round": 1}, "choose": [{"when": "data.round > 0", "next": "checking"}, {"next": "failed"}]},
               "checking": {"call": "check_thing",
                 "retry": [{"error": ["any"], "policy": "outage"}], "next": "active"},
               "active": {"end": "succeeded"},
               "failed": {"end": "failed"}}}
            """),
        moves: [
            ("creating", "settling"), ("creating", "failed"), ("settling", "counting"), ("counting", "checking"),
            ("checking", "active"),
            ("checking", "failed"),
        ],
        loose: [:], maximumAttempts: ["creating": 10, "checking": 10], hasWay: true, choosesId: true)
}
