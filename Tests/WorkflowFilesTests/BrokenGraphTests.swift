import Testing
import WorkflowFiles

@Suite("Graph of states")
struct BrokenGraphTests {
    @Test(arguments: Self.files)
    func `each mistake prints exactly its problems, by breaking one place of a clean file`(_ file: BrokenFile) throws {
        try file.check()
    }

    static let files = [
        BrokenFile(
            "E201 state", "next: tell",
            "next: tel",
            [
                #"27:11: E201 state "ask": next names "tel", which does not exist; did you mean "tell"?"#
            ]),
        BrokenFile(
            "E201 start", "start: ask",
            "start: aks",
            [
                #"5:8: E201 start names "aks", which does not exist; did you mean "ask"?"#
            ]),
        BrokenFile(
            "E201 call", "call: look",
            "call: loook",
            [
                #"25:11: E201 state "ask": call names "loook", which does not exist; did you mean "look"?"#
            ]),
        BrokenFile(
            "E201 policy", "policy: patient",
            "policy: patent",
            [
                #"26:35: E201 state "ask": retry names policy "patent", which does not exist; did you mean "#
                    + #""patient"?"#
            ]),
        BrokenFile(
            "E201 error", "[{error: busy, policy",
            "[{error: bussy, policy",
            [
                #"26:21: E201 state "ask": retry names error "bussy", which does not exist; did you mean "busy"?"#
            ]),
        BrokenFile(
            "E201 service", "GET api:/",
            "GET apj:/",
            [
                #"22:19: E201 call "look": request names service "apj", which does not exist; did you mean "api"?"#
            ]),
        BrokenFile(
            "E201 input", "'${input.number}'}, save",
            "'${input.numbre}'}, save",
            [
                #"29:60: E201 state "tell" reads input.numbre, which is not declared under input; did you mean "#
                    + #""input.number"?"#
            ]),
        BrokenFile(
            "E201 data", "${data.answer}",
            "${data.answers}",
            [
                #"12:11: E201 output "answer" reads data.answers, which is not declared under data; did you mean "#
                    + #""data.answer"?"#
            ]),
        BrokenFile(
            "E202", #"start: ask\#n"#,
            "",
            [
                #"1:1: E202 "start" is missing in the file; name the first state."#
            ]),
        BrokenFile(
            "E203", "next: tell",
            "next: done",
            [
                #"28:3: E203 state "tell" is never reached: no next, choose, catch or await names it."#
            ]),
        BrokenFile(
            "E204", "next: done",
            "next: ask",
            [
                #"24:3: E204 state "ask" leads to no end; let next, choose, catch or await lead to a state with end."#,
                "24:3: E208 the way ask > tell > ask can go round without ever waiting; put a state with pause "
                    + "on it, or retry the error before catch sends it back.",
                #"28:3: E204 state "tell" leads to no end; let next, choose, catch or await lead to a state with end."#,
                #"32:3: E203 state "done" is never reached: no next, choose, catch or await names it."#,
            ]),
        BrokenFile(
            "E205 succeeded", "done: {end: succeeded}",
            "done: {end: cancelled}",
            [
                "23:1: E205 no state has end: succeeded; add a state such as active: {end: succeeded}."
            ]),
        BrokenFile(
            "E205 failed", "failed: {end: failed}",
            "failed: {end: cancelled}",
            [
                "23:1: E205 no state has end: failed; add a state such as failed: {end: failed}.",
                #"33:3: E203 state "failed" is never reached: no next, choose, catch or await names it."#,
            ]),
        BrokenFile(
            "E205 two failed", "failed: {end: failed}",
            #"bad: {end: failed}\#n  worse: {end: failed}"#,
            [
                #"23:1: E205 states "bad" and "worse" have end: failed, so it is unclear where uncaught errors "#
                    + "go; call one of them failed."
            ]),
        BrokenFile(
            "E206 output", "save: {answer: '${response.body.a}'}",
            "save: {}",
            [
                #"12:11: E206 data.answer may be unset in state "done": the path ask > tell > done does not save "#
                    + "it; save or set it before, or guard it with has(data.answer)."
            ]),
        BrokenFile(
            "E206 state", "body: {c: '${input.number}'}",
            "body: {c: '${data.code}'}",
            [
                #"29:60: E206 data.code may be unset in state "tell": the path ask > tell does not save it; save "#
                    + "or set it before, or guard it with has(data.code)."
            ]),
        BrokenFile(
            "E206 guarded", "body: {c: '${input.number}'}",
            #"body: {c: "${has(data.code) ? data.code : 'none'}"}"#,
            []),
        BrokenFile(
            "E206 catch edge", "retry: [{error: busy, policy: patient}]",
            "catch: [{error: busy, next: done}]",
            [
                #"12:11: E206 data.answer may be unset in state "done": the path ask > done does not save it; "#
                    + "save or set it before, or guard it with has(data.answer).",
                #"20:3: W209 retry policy "patient" is declared, but never used; remove it."#,
            ]),
        BrokenFile(
            "E207 none", #"    next: done\#n"#,
            "",
            [
                #"28:3: E207 state "tell" has no exit: give it next, choose, await or end."#,
                #"31:3: E203 state "done" is never reached: no next, choose, catch or await names it."#,
            ]),
        BrokenFile(
            "E207 two", #"    next: done\#n"#,
            #"    next: done\#n    end: failed\#n"#,
            [
                #"28:3: E207 state "tell" has more than one exit: next and end; keep one of them."#
            ]),
        BrokenFile(
            "E207 end with call", "done: {end: succeeded}",
            "done: {end: succeeded, call: look}",
            [
                #"32:3: E207 state "done" ends the run, so it cannot have call; do it in a state before."#
            ]),
        BrokenFile(
            "E207 two actions", #"    call: look\#n"#,
            #"    call: look\#n    pause: 1s\#n"#,
            [
                #"24:3: E207 state "ask" has more than one action: call and pause; make a state of each."#
            ]),
        BrokenFile(
            "E207 choose", #"    next: done\#n"#,
            #"    choose: [{when: 'data.answer == run.id', next: done}]\#n"#,
            [
                #"31:14: E207 state "tell" has no exit when no condition holds; add a last branch without when."#
            ]),
        BrokenFile(
            "E207 catch", "hold: 'look at ${input.number}'",
            "hold: a, next: done",
            [
                "30:13: E207 this catch has two exits: next and hold; give it next or hold."
            ]),
        BrokenFile(
            "E208", "hold: 'look at ${input.number}'",
            "next: ask",
            [
                "24:3: E208 the way ask > tell > ask can go round without ever waiting; put a state with pause "
                    + "on it, or retry the error before catch sends it back."
            ]),
        BrokenFile(
            "W209 input", "number: {type: string}",
            #"number: {type: string}\#n  spare: {type: string}"#,
            [
                #"8:3: W209 input "spare" is declared, but never used; remove it."#
            ]),
        BrokenFile(
            "W209 data", #"  answer: {type: string}\#n"#,
            #"  answer: {type: string}\#n  spare: {type: string}\#n"#,
            [
                #"10:3: W209 data "spare" is declared, but never used; remove it."#
            ]),
        BrokenFile(
            "W209 secret", "[master]",
            "[master, spare]",
            [
                #"13:19: W209 secret "spare" is declared, but never used; remove it."#
            ]),
        BrokenFile(
            "W209 service", "{timeout: 15s}",
            #"{timeout: 15s}\#n  spare: {timeout: 15s}"#,
            [
                #"16:3: W209 service "spare" is declared, but never used; remove it."#
            ]),
        BrokenFile(
            "W209 policy", "within: 2h}",
            #"within: 2h}\#n  spare: {within: 1h}"#,
            [
                #"21:3: W209 retry policy "spare" is declared, but never used; remove it."#
            ]),
        BrokenFile(
            "W209 call", #"    call: look\#n"#,
            #"    call: {request: 'GET api:/x', save: {answer: '${response.body.a}'}}\#n"#,
            [
                #"22:3: W209 call "look" is declared, but never used; remove it."#
            ]),
    ]
}
