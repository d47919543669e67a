import Foundation
import WorkflowCore

/// Definitions for a platform that lies: it stands still, does things late, shows what nobody asked for, has things of
/// others under the same names, and refuses what it is still doing.
extension Fixtures {
    /// Where a find bears our mark; lists come page by page.
    static let markedText = """
        {"dsl": 1, "workflow": "marked", "version": 1, "key": "${input.number}", "start": "creating",
         "input": {"number": {"type": "string", "pattern": "^[0-9]+$"}},
         "data": {"thing": {"type": "string"}},
         "output": {"thing": "${data.thing}"},
         "services": {"wpp": {"timeout": "5s"}},
         "retries": {"outage": {"delay": "1s", "max_delay": "5s", "jitter": "equal", "max_attempts": 8}},
         "calls": {
           "create_thing": {"request": "POST wpp:/things", "body": {"reference": "${run.id}"},
             "save": {"thing": "${response.body.id}"}},
           "list_things": {"request": "GET wpp:/things", "query": {"reference": "${run.id}"}},
           "remove_thing": {"request": "DELETE wpp:/things/${data.thing}", "ok": ["2xx", 404]},
           "check_thing": {"request": "GET wpp:/things/${data.thing}"}},
         "states": {
           "creating": {"call": "create_thing", "undo": {"call": "remove_thing", "gone": "not_checkable"},
             "reconcile": {"call": "list_things", "items": "response.body.items", "pages": "link",
               "after": "10s", "effect_within": "30s", "looks": {"times": 2, "every": "10s"},
               "where": "item.reference == run.id", "save": {"thing": "${item.id}"}, "one": "adopt", "none": "resend"},
             "retry": [{"error": ["transient", "bad_answer", "http.5xx"], "policy": "outage"}], "next": "checking"},
           "checking": {"call": "check_thing", "retry": [{"error": ["http.404", "transient"], "policy": "outage"}],
             "next": "active"},
           "active": {"end": "succeeded"},
           "failed": {"end": "failed"}}}
        """
    static let marked = Fixture(
        name: "marked", definition: read(markedText), moves: movesOfLiars,
        loose: looser(
            markedText,
            [
                // Looks that follow each other closely are no proof by themselves.
                .disturbanceIgnored: (
                    #""looks": {"times": 2, "every": "10s"}"#, #""looks": {"times": 2, "every": "1s"}"#
                ),
                .earlyProof: (
                    #""after": "10s", "effect_within": "30s", "looks": {"times": 2, "every": "10s"}"#,
                    #""after": "1ms", "effect_within": "1ms", "looks": {"times": 2, "every": "1ms"}"#
                ),
            ]),
        maximumAttempts: mostOfLiars, hasWay: true, undoes: true, isLiedTo: true)

    /// Where people choose the name, others may have it too, and nothing tells whose a thing is. A create says when
    /// the name was in use.
    private static let namedChanges = [
        (#""workflow": "marked""#, #""workflow": "named""#),
        (
            #""body": {"reference": "${run.id}"},"#,
            #""body": {"reference": "${run.key}"}, "made": "response.body.status != 'in-use'","#
        ),
        (#", "query": {"reference": "${run.id}"}"#, ""),
        ("item.reference == run.id", "item.reference == run.key"),
    ]
    static let namedText = changed(markedText, namedChanges)
    static let named = Fixture(
        name: "named", definition: read(namedText), moves: movesOfLiars,
        loose: looser(
            namedText,
            [
                .adoptedIsTakenBack: (
                    #""undo": {"call": "remove_thing", "gone": "not_checkable"}"#,
                    #""undo": {"call": "remove_thing", "gone": "not_checkable", "adopted": true}"#
                )
            ]),
        maximumAttempts: mostOfLiars, hasWay: true, undoes: true, isLiedTo: true, sharesNames: true)

    /// Under an idempotency value; a second request while the first is in progress is a conflict of its own name.
    private static let busyChanges = [
        (#""workflow": "marked""#, #""workflow": "busy""#),
        (#""create_thing""#, #""create_keyed""#),
        (
            #""POST wpp:/things","#,
            #""POST wpp:/things", "idempotency": {"header": "Key", "honoured": "60s"},"#
        ),
        (
            #""retries":"#,
            #""errors": {"in_progress": {"status": 409, "when": "response.body.error == 'in_progress'"}}, "retries":"#
        ),
        (#"["transient", "bad_answer", "http.5xx"]"#, #"["in_progress", "transient", "bad_answer", "http.5xx"]"#),
    ]
    static let busy = Fixture(
        name: "busy", definition: read(changed(markedText, busyChanges)), moves: movesOfLiars, loose: [:],
        maximumAttempts: mostOfLiars, hasWay: true, undoes: true, isLiedTo: true)

    private static let movesOfLiars = [
        ("creating", "checking"), ("creating", "failed"), ("checking", "active"), ("checking", "failed"),
    ]
    private static let mostOfLiars = ["creating": 8, "checking": 8]

    private static func changed(_ text: String, _ changes: [(String, String)]) -> String {
        changes.reduce(text) { text, change in
            precondition(text.contains(change.0), "\(change.0) is not in the fixture")
            return text.replacingOccurrences(of: change.0, with: change.1)
        }
    }
}
