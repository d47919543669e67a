import Testing
import WorkflowFiles

@Suite("Text of definitions")
struct BrokenTextTests {
    @Test(arguments: Self.files)
    func `each mistake prints exactly its problems, by breaking one place of a clean file`(_ file: BrokenFile) throws {
        try file.check()
    }

    static let files = [
        BrokenFile(
            "E100 syntax", #"start: ask\#n"#,
            #"start: [ask\#n"#,
            [
                "6:6: E100 this is not YAML: did not find expected ',' or ']'."
            ]),
        BrokenFile(
            "E100 tab", #"  answer: {type: string}\#n"#,
            #"\#tanswer: {type: string}\#n"#,
            [
                "9:1: E100 a tab indents this line; YAML allows spaces only."
            ]),
        BrokenFile(
            "E101 unknown key", "retry: [{error: busy",
            "retri: [{error: busy",
            [
                #"26:5: E101 unknown key "retri" in state; did you mean "retry"?"#
            ]),
        BrokenFile(
            "E101 key far from any", #"version: 1\#n"#,
            #"version: 1\#nzebra: 1\#n"#,
            [
                #"4:1: E101 unknown key "zebra" in the file; it takes dsl, workflow, version, key, start, "#
                    + "states, title, input, data, output, secrets, services, errors, retries, calls, deadline, "
                    + "probes, limits, signals and moved."
            ]),
        BrokenFile(
            "E101 key in call", "{request: 'PUT api",
            "{repeatabel: true, request: 'PUT api",
            [
                #"29:12: E101 unknown key "repeatabel" in call; did you mean "repeatable"?"#
            ]),
        BrokenFile(
            "E101 key given twice", #"version: 1\#n"#,
            #"version: 1\#ntitle: a\#nversion: 2\#n"#,
            [
                #"5:1: E101 the key "version" is given twice in this mapping (first at 3:1); keep one of them."#
            ]),
        BrokenFile(
            "E101 anchor", "{timeout: 15s}",
            "&a {timeout: 15s}",
            [
                "15:8: E101 anchors (&name) and aliases (*name) are not part of the language; write the value "
                    + "out."
            ]),
        BrokenFile(
            "E101 anchor and alias", "{timeout: 15s}",
            #"&a {timeout: 15s}\#n  other: *a"#,
            [
                "15:8: E101 anchors (&name) and aliases (*name) are not part of the language; write the value "
                    + "out."
            ]),
        BrokenFile(
            "E101 alias alone", "{timeout: 15s}",
            "*a",
            [
                "15:8: E101 aliases (*name) are not part of the language; write the value out."
            ]),
        BrokenFile(
            "E101 merge key", "{timeout: 15s}",
            "{<<: {timeout: 15s}}",
            [
                "15:9: E101 merge keys (<<) are not part of the language; write the values out."
            ]),
        BrokenFile(
            "E101 tag", "timeout: 15s",
            "timeout: !!str 15s",
            [
                "15:18: E101 tags (!!str) are not part of the language; leave the tag out; quote what shall be "
                    + "text."
            ]),
        BrokenFile(
            "E101 own tag", "{timeout: 15s}",
            "!thing {timeout: 15s}",
            [
                "15:8: E101 tags (!thing) are not part of the language; leave the tag out; quote what shall be "
                    + "text."
            ]),
        BrokenFile(
            "E101 second document", #"  failed: {end: failed}\#n"#,
            #"  failed: {end: failed}\#n---\#ndsl: 1\#n"#,
            [
                "34:1: E101 a second document starts here; a file holds one definition; move it to a file of "
                    + "its own."
            ]),
        BrokenFile(
            "E102 dsl", "dsl: 1",
            "dsl: 2",
            [
                #"1:6: E102 "dsl" must be 1, not the number 2; this engine reads dsl 1 only."#
            ]),
        BrokenFile(
            "E102 missing", #"version: 1\#n"#,
            "",
            [
                #"1:1: E102 "version" is missing in the file; add version."#
            ]),
        BrokenFile(
            "E102 file name", "workflow: small",
            "workflow: other",
            [
                #"2:11: E102 the workflow is called "other", but the file "small.yaml"; give both the same name."#
            ]),
        BrokenFile(
            "E102 type", #"type: string}\#ndata"#,
            #"type: strin}\#ndata"#,
            [
                #"7:18: E102 "type" must be one of string, integer, number, boolean, object, array, null; did "#
                    + #"you mean "string"?"#
            ]),
        BrokenFile(
            "E102 version", #"version: 1\#n"#,
            #"version: one\#n"#,
            [
                #"3:10: E102 "version" must be a whole number from 1 to 999999, not text."#
            ]),
        BrokenFile(
            "E102 duration", "{timeout: 15s}",
            "{timeout: 15 seconds}",
            [
                #"15:18: E102 "timeout" is not a duration: "15 seconds"; write it like 500ms, 15s, 1m, 2h, 3d or "#
                    + "PT1H."
            ]),
        BrokenFile(
            "E102 boolean2", "{request: 'PUT",
            "{repeatable: yes, request: 'PUT",
            [
                #"29:24: E102 "repeatable" must be true or false, not text."#
            ]),
        BrokenFile(
            "E102 number", "{timeout: 15s}",
            "{timeout: 15}",
            [
                #"15:18: E102 "timeout" must be a duration, not the number 15; write it like 500ms, 15s, 1m, 2h, "#
                    + "3d or PT1H."
            ]),
        BrokenFile(
            "E102 request", "GET api:/things",
            "GETT api:/things",
            [
                #"22:19: E102 "GETT" is no method; use GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS; did you "#
                    + "mean GET?"
            ]),
        BrokenFile(
            "E102 request2", "GET api:/things",
            "GET /things",
            [
                #"22:19: E102 "request" must be METHOD service:/path."#
            ]),
        BrokenFile(
            "E102 query in path", "GET api:/things",
            "GET api:/things?a=b",
            [
                #"22:19: E102 the path of "request" holds a ? or a #; write the query under query."#
            ]),
        BrokenFile(
            "E102 status", "status: 409",
            "status: 4xy",
            [
                #"17:18: E102 "status" must be a status such as 403 or 4xx, not text."#
            ]),
        BrokenFile(
            "E102 name", "busy: {status",
            "any: {status",
            [
                #"17:3: E102 "any" cannot be a name here: this error is built in."#,
                #"26:21: E201 state "ask": retry names error "busy", which does not exist."#,
                #"30:21: E201 state "tell": catch names error "busy", which does not exist."#,
            ]),
        BrokenFile(
            "E102 name2", #"  answer: {type: string}\#n"#,
            #"  an-swer: {type: string}\#n"#,
            [
                #"9:3: E102 "an-swer" cannot be a name here: use letters, digits and _."#,
                #"12:11: E201 output "answer" reads data.answer, which is not declared under data; did you mean "#
                    + #""data.an-swer"?"#,
                #"22:82: E305 call "look" fills "answer", which is not declared under data; did you mean "#
                    + #""an-swer"?"#,
            ]),
        BrokenFile(
            "E102 pattern", "number: {type: string}",
            "number: {type: string, pattern: '(a'}",
            [
                #"7:35: E102 "pattern", character 1: the group is not closed."#
            ]),
        BrokenFile(
            "E102 default", "number: {type: string}",
            "number: {type: string, default: 5}",
            [
                #"7:35: E102 "default" does not fit: number must be text; this is a whole number."#
            ]),
        BrokenFile(
            "E102 min", "number: {type: string}",
            "number: {type: string, minimum: 5}",
            [
                #"7:26: E102 "minimum" is for numbers, but the type is no number."#
            ]),
        BrokenFile(
            "E102 base url", "{timeout: 15s}",
            "{timeout: 15s, base_url: 'ftp://x'}",
            [
                #"15:33: E102 "base_url" must begin with https:// or http://; write it like https://host/prefix."#
            ]),
        BrokenFile(
            "E102 choice", "delay: 1s",
            "delay: 1s, jitter: ful",
            [
                #"20:32: E102 "jitter" must be one of none, full, equal; did you mean "full"?"#
            ]),
        BrokenFile(
            "E102 body and form", "body: {c: '${input.number}'}",
            "form: {a: b}, body: {c: '${input.number}'}",
            [
                "29:50: E102 a call has a body or a form, not both; remove one of them."
            ]),
        BrokenFile(
            "E103 reserved", #"  tell:\#n"#,
            #"  tell:\#n    parallel: []\#n"#,
            [
                #"29:5: E103 "parallel" is reserved for dsl 2; remove it."#
            ]),
        BrokenFile(
            "W104 keyword", #"  tell:\#n"#,
            #"  tell:\#n    show: {code: '${response.body.c}'}\#n"#,
            [
                #"29:5: W104 keyword "show" is part of the language, but this engine does not run it yet."#
            ]),
        BrokenFile(
            "W104 secret input", "number: {type: string}",
            "number: {type: string, secret: true}",
            [
                "4:6: E401 the key would show input.number, which is secret (declared at 7:3); remove it.",
                "7:26: W104 a secret input is part of the language, but this engine does not run it yet.",
                #"30:33: E403 state "tell" would show secret input.number in the text of a hold; use "#
                    + "fingerprint(input.number) or remove it.",
            ]),
        BrokenFile(
            "W104 file", #"version: 1\#n"#,
            #"version: 2\#nmoved: {from: 1}\#n"#,
            [
                #"4:1: W104 keyword "moved" is part of the language, but this engine does not run it yet."#
            ]),
        BrokenFile(
            "E105 syntax", "'${input.number}'}, save",
            "'${input.number + }'}, save",
            [
                #"29:60: E105 "c", character 18: } must not stand here."#
            ]),
        BrokenFile(
            "E105 root", "'${input.number}'}, save",
            "'${inputs.number}'}, save",
            [
                #"29:60: E105 state "tell" reads "inputs", which is no root; did you mean "input"?"#
            ]),
        BrokenFile(
            "E105 config root", "'${input.number}'}, save",
            "'${config.number}'}, save",
            [
                #"29:60: E105 state "tell" reads "config", which is no root; it may read input, data, run, state "#
                    + "and secrets."
            ]),
        BrokenFile(
            "E105 illegal root", "'${input.number}'}, save",
            "'${response.status}'}, save",
            [
                #"29:60: E105 state "tell" cannot read response here; it may read input, data, run, state and "#
                    + "secrets."
            ]),
        BrokenFile(
            "E105 type", "'${input.number}'}, save",
            "'${input.number - 1}'}, save",
            [
                #"29:60: E105 state "tell", character 16: - cannot take string."#
            ]),
        BrokenFile(
            "E105 member", "things/${run.id}",
            "things/${run.ib}",
            [
                #"29:21: E105 state "tell" reads run.ib, which does not exist; did you mean "run.id"?"#
            ]),
        BrokenFile(
            "E105 whole", "'${input.number}'}, save",
            "'${input}'}, save",
            [
                #"29:60: E105 state "tell" reads input as a whole; name what it needs, such as input.number."#
            ]),
        BrokenFile(
            "E105 key", "key: ${input.number}",
            "key: ${input.number}${run.id}",
            [
                "4:6: E105 the key cannot read run here; it may read input."
            ]),
        BrokenFile(
            "E105 condition", "busy: {status: 409}",
            "busy: {status: 409, when: response.status}",
            [
                #"17:29: E105 error "busy": a condition must be true or false, and this is int."#
            ]),
        BrokenFile(
            "E105 condition braces", "busy: {status: 409}",
            "busy: {status: 409, when: '${response.status == 1}'}",
            [
                #"17:29: E105 "when", character 1: this character has no meaning in an expression; text stands "#
                    + "in quotes; write a condition without ${ }."
            ]),
        BrokenFile(
            "E105 set type", #"next: done\#n"#,
            #"next: last\#n  last:\#n    set: {answer: 5}\#n    next: done\#n"#,
            [
                #"33:19: E105 state "last" fills data.answer with int, but its type is string (declared at 9:3)."#
            ]),
        BrokenFile(
            "E105 text with a list", "'${input.number}'}, save",
            "'a ${[1]}'}, save",
            [
                #"29:60: E105 state "tell", character 5: within text only a string, number or bool can be "#
                    + "written, not array."
            ]),
        BrokenFile(
            "E105 key computes", "key: ${input.number}",
            "key: ${lowerAscii(input.number)}",
            [
                #"4:6: E105 "key", character 3: there is no function lowerAscii; there are has, size, string, "#
                    + "int, fingerprint, last4."
            ]),
        BrokenFile(
            "E105 key computes 2", "key: ${input.number}",
            "key: a-${input.number + 'b'}",
            [
                "4:6: E105 the key is made of text and ${input.x} only, and this computes something; let the "
                    + "caller compute it."
            ]),
        BrokenFile(
            "two mistakes", #"dsl: 1\#nworkflow: small\#nversion: 1\#n"#,
            #"dsl: 1\#nworkflow: small\#nversio: 1\#n"#,
            [
                #"3:1: E101 unknown key "versio" in the file; did you mean "version"?"#
            ]),
    ]
}
