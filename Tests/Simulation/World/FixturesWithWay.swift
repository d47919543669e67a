import Foundation
import WorkflowCore

/// Definitions that declare how a lost answer is settled, and how what they made is taken back.
extension Fixtures {
    /// An idempotency value that the platform honours for a minute, something attached to the thing, replicas that
    /// disagree, and a deadline.
    static let keyedText = """
        {"dsl": 1, "workflow": "keyed", "version": 1, "key": "${input.number}", "start": "creating", "deadline": "10m",
         "input": {"number": {"type": "string", "pattern": "^[0-9]+$"}},
         "data": {"thing": {"type": "string"}},
         "output": {"thing": "${data.thing}"},
         "services": {"wpp": {"timeout": "5s"}},
         "retries": {"outage": {"delay": "1s", "max_delay": "10s", "jitter": "equal", "max_attempts": 8}},
         "calls": {
           "create_keyed": {"request": "POST wpp:/things", "idempotency": {"header": "Idempotency-Key", "honoured": "60s"},
             "body": {"reference": "${run.id}"}, "save": {"thing": "${response.body.id}"}},
           "remove_thing": {"request": "DELETE wpp:/things/${data.thing}", "ok": ["2xx", 404]},
           "attach": {"request": "PUT wpp:/things/${data.thing}/extra"},
           "detach": {"request": "DELETE wpp:/things/${data.thing}/extra", "ok": ["2xx", 404]},
           "check_thing": {"request": "GET wpp:/things/${data.thing}"}},
         "states": {
           "creating": {"call": "create_keyed", "undo": {"call": "remove_thing", "gone": "not_checkable"},
             "retry": [{"error": ["transient", "bad_answer", "http.5xx"], "policy": "outage"}], "next": "attaching"},
           "attaching": {"call": "attach", "undo": {"call": "detach", "gone": "not_checkable"}, "next": "checking"},
           "checking": {"call": "check_thing", "stable": {"times": 3, "every": "1s"}, "deadline": "5m",
             "retry": [{"error": ["http.404", "transient"], "policy": "outage"}], "next": "active"},
           "active": {"end": "succeeded"},
           "failed": {"end": "failed"}}}
        """
    static let keyed = Fixture(
        name: "keyed", definition: read(keyedText),
        moves: [
            ("creating", "attaching"), ("creating", "failed"), ("attaching", "checking"), ("attaching", "failed"),
            ("checking", "active"), ("checking", "failed"),
        ],
        loose: looser(
            keyedText,
            [
                .retryAfterExpiry: ("\"honoured\": \"60s\"", "\"honoured\": \"24h\""),
                .stableIgnored: ("\"stable\": {\"times\": 3, \"every\": \"1s\"},", ""),
                .undoForgotten: (", \"undo\": {\"call\": \"remove_thing\", \"gone\": \"not_checkable\"}", ""),
            ]),
        maximumAttempts: ["creating": 8, "attaching": 6, "checking": 8], hasWay: true, undoes: true,
        stable: ["checking": 3])

    /// The platform can be asked by our reference, takes no second one, and what is found is ours.
    private static let goneText = """
        "gone": {"call": "list_things", "items": "response.body.items",
               "where": "item.id == data.thing", "filter": "loose", "pages": "whole", "after": "7s", "effect_within": "15s", "looks": {"times": 2, "every": "3s"}}
        """
    static let foundText = """
        {"dsl": 1, "workflow": "found", "version": 1, "key": "${input.number}", "start": "creating",
         "input": {"number": {"type": "string", "pattern": "^[0-9]+$"}},
         "data": {"thing": {"type": "string"}},
         "output": {"thing": "${data.thing}"},
         "services": {"wpp": {"timeout": "5s"}},
         "retries": {"outage": {"delay": "1s", "max_delay": "5s", "jitter": "equal", "max_attempts": 8}},
         "calls": {
           "create_thing": {"request": "POST wpp:/things", "timeout": "25s", "body": {"reference": "${run.id}"},
             "save": {"thing": "${response.body.id}"}},
           "list_things": {"request": "GET wpp:/things", "query": {"reference": "${run.id}"}},
           "remove_thing": {"request": "DELETE wpp:/things/${data.thing}", "ok": ["2xx", 404]},
           "attach": {"request": "PUT wpp:/things/${data.thing}/extra"},
           "detach": {"request": "DELETE wpp:/things/${data.thing}/extra", "ok": ["2xx", 404]}},
         "states": {
           "creating": {"call": "create_thing",
             "undo": {"call": "remove_thing", "gone": {"call": "list_things", "items": "response.body.items",
               "where": "item.id == data.thing", "filter": "loose", "pages": "whole", "after": "7s", "effect_within": "15s", "looks": {"times": 2, "every": "3s"}}},
             "reconcile": {"call": "list_things", "items": "response.body.items", "pages": "whole",
               "after": "10s", "effect_within": "15s", "looks": {"times": 2, "every": "5s"},
               "where": "item.reference == run.id", "save": {"thing": "${item.id}"}, "one": "adopt", "none": "resend"},
             "retry": [{"error": ["transient", "bad_answer", "http.5xx"], "policy": "outage"}], "next": "attaching"},
           "attaching": {"call": "attach", "undo": {"call": "detach", "gone": "not_checkable"},
             "catch": [{"error": "any", "hold": "attaching: ${error.name}"}], "next": "active"},
           "active": {"end": "succeeded"},
           "failed": {"end": "failed"}}}
        """
    static let found = Fixture(
        name: "found", definition: read(foundText),
        moves: [
            ("creating", "attaching"), ("creating", "failed"), ("attaching", "active"), ("attaching", "failed"),
        ],
        loose: looser(foundText, [.deletionBelieved: (goneText, "\"gone\": \"not_checkable\"")]),
        maximumAttempts: ["creating": 8, "attaching": 6], hasWay: true, undoes: true, refusesTwins: true)

    /// The same platform, but whatever a look-up shows is for a person to judge.
    static let asked = Fixture(
        name: "asked",
        definition: read(
            foundText.replacingOccurrences(
                of: "\"one\": \"adopt\", \"none\": \"resend\"", with: "\"one\": \"hold\", \"none\": \"hold\""
            )
            .replacingOccurrences(of: "\"workflow\": \"found\"", with: "\"workflow\": \"asked\"")),
        moves: found.moves, loose: [:], maximumAttempts: found.maximumAttempts, hasWay: true, undoes: true,
        refusesTwins: true, asksWhenNothingIsFound: true)

    /// Both ways: an idempotency value while it is honoured, then a look-up.
    static let both = Fixture(
        name: "both",
        definition: read(
            foundText.replacingOccurrences(
                of: "\"POST wpp:/things\",",
                with: "\"POST wpp:/things\", \"idempotency\": {\"header\": \"Key\", \"honoured\": \"60s\"},"
            )
            .replacingOccurrences(of: "\"workflow\": \"found\"", with: "\"workflow\": \"both\"")),
        moves: found.moves, loose: [:], maximumAttempts: found.maximumAttempts, hasWay: true, undoes: true)

    /// What is found has lost the key that is shown once, so it is taken back and made anew.
    static let replacedText = """
        {"dsl": 1, "workflow": "replaced", "version": 1, "key": "${input.number}", "start": "creating",
         "input": {"number": {"type": "string", "pattern": "^[0-9]+$"}},
         "data": {"thing": {"type": "string"}, "api_key": {"type": "string", "secret": true},
                  "token": {"type": "string", "secret": true}},
         "output": {"thing": "${data.thing}"},
         "services": {"wpp": {"timeout": "5s"}},
         "errors": {"key_not_active": {"status": 403}},
         "retries": {"outage": {"delay": "1s", "max_delay": "5s", "jitter": "equal", "max_attempts": 8},
                     "activation": {"delay": "1s", "backoff": 1.5, "max_delay": "10s", "jitter": "none", "within": "10m"}},
         "calls": {
           "create_with_key": {"request": "POST wpp:/things", "body": {"reference": "${run.id}"},
             "save": {"thing": "${response.body.id}", "api_key": "${response.body.apiKey}"}},
           "list_things": {"request": "GET wpp:/things", "query": {"reference": "${run.id}"}},
           "remove_thing": {"request": "DELETE wpp:/things/${data.thing}", "ok": ["2xx", 404]},
           "issue_token": {"request": "POST wpp:/token", "body": {"apiKey": "${data.api_key}"}, "repeatable": true,
             "save": {"token": "${response.body.token}"}}},
         "states": {
           "creating": {"call": "create_with_key",
             "undo": {"call": "remove_thing", "gone": {"call": "list_things", "items": "response.body.items",
               "where": "item.id == data.thing", "filter": "loose", "pages": "whole", "after": "7s", "effect_within": "15s", "looks": {"times": 2, "every": "3s"}}},
             "reconcile": {"call": "list_things", "items": "response.body.items", "pages": "whole",
               "after": "10s", "effect_within": "15s", "looks": {"times": 2, "every": "5s"},
               "where": "item.reference == run.id", "save": {"thing": "${item.id}"}, "one": "replace", "none": "resend"},
             "retry": [{"error": ["transient", "bad_answer", "http.5xx"], "policy": "outage"}], "next": "token-pending"},
           "token-pending": {"call": "issue_token",
             "retry": [{"error": "key_not_active", "policy": "activation"}, {"error": "transient", "policy": "outage"}],
             "next": "active"},
           "active": {"end": "succeeded"},
           "failed": {"end": "failed"}}}
        """
    static let replaced = Fixture(
        name: "replaced", definition: read(replacedText),
        moves: [
            ("creating", "token-pending"), ("creating", "failed"), ("token-pending", "active"),
            ("token-pending", "failed"),
        ],
        loose: looser(
            replacedText,
            [
                .settleTimeIgnored: (
                    #""after": "10s", "effect_within": "15s", "looks": {"times": 2, "every": "5s"}"#,
                    #""after": "1ms", "effect_within": "1ms", "looks": {"times": 2, "every": "1ms"}"#
                )
            ]),
        maximumAttempts: ["creating": 8, "token-pending": 8], endless: ["key_not_active"], hasWay: true, undoes: true)
}
