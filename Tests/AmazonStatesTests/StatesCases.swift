import Testing
import WorkflowCore

/// What one attempt of a call comes to, for the engine and for the interpreter of the other language.
enum GivenResult: Sendable {
    case done(JSONValue)
    case error(String)

    static let done = GivenResult.done([:])
}

/// A definition, and the results of its calls in order, per state.
struct StatesCase: Sendable, CustomTestStringConvertible {
    let title: String
    /// Beside the head that all cases share.
    let more: String
    let states: String
    let results: [String: [GivenResult]]

    init(_ title: String, _ states: String, more: String = "", _ results: [String: [GivenResult]] = [:]) {
        self.title = title
        self.more = more
        self.states = states
        self.results = results
    }

    var testDescription: String { title }

    var yaml: String {
        let ends = "  done: {end: succeeded}\n  failed: {end: failed}\n"
        return Self.head + (more.isEmpty ? "" : more + "\n") + "states:\n"
            + states.split(separator: "\n").map { "  \($0)\n" }.joined() + ends
    }

    private static let head = """
        dsl: 1
        workflow: bridge
        version: 1
        key: ${input.number}
        start: ask
        input: {number: {type: string}}
        data:
          session: {type: string}
          count: {type: integer}
          ready: {type: boolean}
          token: {type: string, secret: true}
        services:
          api: {base_url: 'https://api.example/v1', timeout: 15s}
        errors:
          busy: {status: 409, when: response.body.error == 'busy'}
          gone: {status: 410}
          broken: {status: 200, when: has(response.body.error), outcome: not_done}
        retries:
          quick: {delay: 1s, backoff: 1.5, max_delay: 4s, jitter: none, max_attempts: 4}
          steady: {delay: 2s, backoff: 1, jitter: none, max_attempts: 3}
          window: {delay: 1s, backoff: 2, max_delay: 8s, jitter: none, within: 20s}
          both: {delay: 3s, backoff: 2, jitter: none, max_attempts: 9, within: 25s}
          jittery: {delay: 4s, backoff: 2, max_delay: 10s, jitter: full, max_attempts: 5}
          once: {max_attempts: 1}
        calls:
          look: {request: 'GET api:/things', save: {}}
          read: {request: 'GET api:/things/${input.number}', save: {session: '${response.body.s}', count: '${response.body.n}', ready: '${response.body.r}'}}
          make: {request: POST api:/things, body: {number: '${input.number}', fixed: [1, two]}, save: {session: '${response.body.s}', token: '${response.body.t}'}}

        """

    static let all = retrying + moving

    private static func errors(_ name: String, _ count: Int) -> [GivenResult] {
        Array(repeating: .error(name), count: count)
    }

    private static let retrying = [
        StatesCase("one call that works", "ask: {call: look, next: done}", ["ask": [.done]]),
        StatesCase(
            "tries until it works", "ask: {call: look, retry: [{error: busy, policy: quick}], next: done}",
            ["ask": errors("busy", 3) + [.done]]),
        StatesCase(
            "gives up after the last attempt", "ask: {call: look, retry: [{error: busy, policy: quick}], next: done}",
            ["ask": errors("busy", 4)]),
        StatesCase(
            "each entry counts for itself",
            "ask: {call: look, retry: [{error: busy, policy: quick}, {error: gone, policy: steady}], next: done}",
            ["ask": [.error("busy"), .error("gone"), .error("busy"), .error("gone"), .error("busy"), .done]]),
        StatesCase(
            "one entry is used up while the other is not",
            "ask: {call: look, retry: [{error: busy, policy: quick}, {error: gone, policy: steady}], next: done}",
            ["ask": [.error("gone"), .error("busy"), .error("gone"), .error("gone")]]),
        StatesCase(
            "the first entry that matches is taken",
            "ask: {call: look, retry: [{error: http.503, policy: steady}, {error: transient, policy: quick}], next: done}",
            ["ask": [.error("http.503"), .error("http.502"), .error("timeout"), .error("http.503"), .done]]),
        StatesCase(
            "an entry for several errors has one counter",
            "ask: {call: look, retry: [{error: [busy, gone], policy: steady}], next: done}",
            ["ask": [.error("busy"), .error("gone"), .error("busy")]]),
        StatesCase(
            "the built-in retry with jitter", "ask: {call: look, next: done}",
            ["ask": [.error("timeout"), .error("http.503"), .error("connection_lost"), .done]]),
        StatesCase(
            "the built-in retry ends after six attempts", "ask: {call: look, next: done}",
            ["ask": errors("http.504", 6)]),
        StatesCase(
            "the built-in retry leaves other errors alone", "ask: {call: look, next: done}",
            ["ask": [.error("http.500")]]),
        StatesCase(
            "retry none tries once", "ask: {call: look, retry: none, next: done}", ["ask": [.error("timeout")]]),
        StatesCase(
            "one attempt in all", "ask: {call: look, retry: [{error: busy, policy: once}], next: done}",
            ["ask": [.error("busy")]]),
        StatesCase(
            "a window of time is used up", "ask: {call: look, retry: [{error: busy, policy: window}], next: done}",
            ["ask": errors("busy", 5)]),
        StatesCase(
            "a window of time and a number of attempts",
            "ask: {call: look, retry: [{error: busy, policy: both}], next: done}", ["ask": errors("busy", 4)]),
        StatesCase(
            "full jitter up to the longest delay",
            "ask: {call: look, retry: [{error: busy, policy: jittery}], next: done}",
            ["ask": errors("busy", 4) + [.done]]),
        StatesCase(
            "a family of statuses, and names within it",
            "ask: {call: look, retry: [{error: http.4xx, policy: steady}], next: done}",
            ["ask": [.error("http.404"), .error("gone"), .done]]),
        StatesCase(
            "any error is tried again", "ask: {call: look, retry: [{error: any, policy: steady}], next: done}",
            ["ask": [.error("http.500"), .error("busy"), .error("timeout")]]),
    ]

    private static let moving = [
        StatesCase("states that only pass on", "ask: {next: second}\nsecond: {next: third}\nthird: {next: done}"),
        StatesCase(
            "catch after the retries",
            "ask: {call: look, retry: [{error: busy, policy: steady}], catch: [{error: busy, next: other}], next: done}\n"
                + "other: {call: look, next: done}",
            ["ask": errors("busy", 3), "other": [.done]]),
        StatesCase(
            "the first catch that matches is taken",
            "ask: {call: look, catch: [{error: gone, next: other}, {error: any, next: second}], next: done}\n"
                + "other: {next: done}\nsecond: {next: failed}",
            ["ask": [.error("gone")]]),
        StatesCase(
            "catch takes any error",
            "ask: {call: look, retry: none, catch: [{error: gone, next: other}, {error: any, next: second}], next: done}\n"
                + "other: {next: done}\nsecond: {next: failed}",
            ["ask": [.error("http.503")]]),
        StatesCase(
            "an uncaught error fails", "ask: {call: look, catch: [{error: gone, next: done}], next: done}",
            ["ask": [.error("busy")]]),
        StatesCase(
            "an error in a later state", "ask: {call: look, next: second}\nsecond: {call: look, next: done}",
            ["ask": [.error("http.503"), .done], "second": [.error("http.400")]]),
        StatesCase(
            "pauses",
            "ask: {pause: 90s, next: second}\nsecond: {call: look, next: third}\nthird: {pause: 1h, next: done}",
            ["second": [.error("http.503"), .done]]),
        StatesCase(
            "chooses by what was saved",
            "ask: {call: read, choose: [{when: data.count > 10, next: failed}, {when: data.session == 'open' && data.ready, "
                + "next: second}, {next: failed}]}\nsecond: {next: done}",
            ["ask": [.done(["s": "open", "n": 10, "r": true])]]),
        StatesCase(
            "chooses the branch without a condition",
            "ask: {call: read, choose: [{when: data.count <= 9, next: failed}, {when: '!data.ready', next: failed}, "
                + "{next: done}]}",
            ["ask": [.done(["s": "x", "n": 10, "r": true])]]),
        StatesCase(
            "chooses by an input",
            "ask: {choose: [{when: \"input.number in ['+1', '+2']\", next: failed}, {when: \"input.number.startsWith('+34') "
                + "&& (has(data.session) || !input.number.contains('*'))\", next: second}, {next: failed}]}\n"
                + "second: {next: done}"),
        StatesCase(
            "sets and chooses",
            "ask: {set: {session: 'for ${input.number}', count: '${7}'}, next: second}\n"
                + "second: {choose: [{when: data.count != 7, next: failed}, {when: data.session == 'for +34600', next: done}, "
                + "{next: failed}]}"),
        StatesCase(
            "an unsafe call with a lost answer waits for a person", "ask: {call: make, next: done}",
            ["ask": [.error("timeout")]]),
        StatesCase(
            "an unsafe call that was refused is caught",
            "ask: {call: make, catch: [{error: busy, next: second}, {error: any, next: failed}], next: done}\n"
                + "second: {next: done}",
            ["ask": [.error("busy")]]),
        StatesCase(
            "an unsafe call is tried again when it was refused",
            "ask: {call: make, retry: [{error: busy, policy: steady}], next: done}",
            ["ask": [.error("busy"), .done(["s": "s-1", "t": "hidden"])]]),
        StatesCase(
            "an unsafe call's 502 waits for a person whatever is caught",
            "ask: {call: make, catch: [{error: any, next: done}], next: done}", ["ask": [.error("http.502")]]),
        StatesCase(
            "catch holds for a person",
            "ask: {call: look, catch: [{error: gone, hold: 'look at ${input.number}'}], next: done}",
            ["ask": [.error("gone")]]),
        StatesCase(
            "catch remembers the error",
            "ask: {call: look, catch: [{error: busy, next: second, set: {session: '${error.name}'}}], next: done}\n"
                + "second: {choose: [{when: data.session == 'busy', next: done}, {next: failed}]}",
            ["ask": [.error("busy")]]),
        StatesCase(
            "counters start anew at each visit",
            "ask: {call: look, retry: [{error: busy, policy: steady}], catch: [{error: gone, next: second}], next: done}\n"
                + "second: {pause: 5s, next: ask}",
            ["ask": [.error("busy"), .error("busy"), .error("gone"), .error("busy"), .error("busy"), .done]]),
        StatesCase(
            "shows its output", "ask: {call: read, next: done}",
            more: "output: {session: '${data.session}', text: 'n ${data.count} of ${input.number}'}",
            ["ask": [.done(["s": "open", "n": 10, "r": true])]]),
    ]
}
