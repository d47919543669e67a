import Testing
import WorkflowFiles

@Suite("Calls and retries")
struct BrokenCallTests {
    @Test(arguments: Self.files)
    func `each mistake prints exactly its problems, by breaking one place of a clean file`(_ file: BrokenFile) throws {
        try file.check()
    }

    static let files = [
        BrokenFile(
            "E301 transient", #"call: look\#n    retry: [{error: busy"#,
            #"call: {request: 'POST api:/x', save: {answer: '${response.body.a}'}}\#n    retry: [{error: [busy, transient]"#,
            [
                #"22:3: W209 call "look" is declared, but never used; remove it."#,
                #"24:3: W315 state "ask": nothing names what POST /x makes, so that what another run has there "#
                    + "may be taken for this run's; add identity, such as identity: data.session; or identity: none where "
                    + "nothing is made.",
                #"25:5: W307 state "ask": POST /x is not safe to send twice and cannot be looked up, so a lost "#
                    + "answer will wait for a person.",
                #"25:5: W309 state "ask": nothing undoes POST /x, so a failed run leaves behind what it made; "#
                    + "add undo, or undo: none where nothing can.",
                #"26:28: E301 state "ask" retries transient, but POST /x may already have worked and is not safe "#
                    + "to send twice; add reconcile or idempotency.honoured.",
            ]),
        BrokenFile(
            "E301 own error",
            #"PUT api:/things/${run.id}', body: {c: '${input.number}'}, save: {code: '${response.body.c}'}}\#n    catch: [{error: busy, hold: 'look at ${input.number}'}]"#,
            #"POST api:/x'}\#n    retry: [{error: [busy, lost], policy: patient}]"#,
            [
                #"10:3: W209 data "code" is declared, but never used; remove it."#,
                #"29:5: W307 state "tell": POST /x is not safe to send twice and cannot be looked up, so a lost "#
                    + "answer will wait for a person.",
                #"30:28: E301 state "tell" retries lost, but POST /x may already have worked and is not safe to "#
                    + "send twice; add reconcile or idempotency.honoured.",
            ]),
        BrokenFile(
            "E301 with POST", "GET api:/things",
            "POST api:/things",
            [
                #"24:3: W315 state "ask": nothing names what POST /things makes, so that what another run has there "#
                    + "may be taken for this run's; add identity, such as identity: data.session; or identity: none where "
                    + "nothing is made.",
                #"25:5: W307 state "ask": POST /things is not safe to send twice and cannot be looked up, so a "#
                    + "lost answer will wait for a person.",
                #"25:5: W309 state "ask": nothing undoes POST /things, so a failed run leaves behind what it made; "#
                    + "add undo, or undo: none where nothing can.",
            ]),
        BrokenFile(
            "E302 any", "[{error: busy, hold",
            "[{error: any, next: done}, {error: busy, hold",
            [
                #"30:21: E302 "any" takes every error, so the entries after it are never used; move it to the "#
                    + "end."
            ]),
        BrokenFile(
            "E302 with any", "[{error: busy, hold",
            "[{error: [any, busy], hold",
            [
                #"30:22: E302 "any" stands alone: it includes the other errors of this entry; remove the others."#
            ]),
        BrokenFile(
            "E302 shadow", "[{error: busy, hold",
            "[{error: [busy, transient], next: done}, {error: [http.503, busy], hold",
            [
                #"30:62: E302 "http.503" never gets here: entry 1 of catch takes "transient"; move it before "#
                    + "that entry, or remove it.",
                #"30:72: E302 "busy" never gets here: entry 1 of catch takes "busy"; move it before that entry, "#
                    + "or remove it.",
            ]),
        BrokenFile(
            "E303", "{delay: 1s, within: 2h}",
            "{delay: 1s}",
            [
                #"20:3: E303 retry policy "patient" never gives up; add within (for example 2h) or max_attempts."#
            ]),
        BrokenFile(
            "E305 save", "save: {code:",
            "save: {kode:",
            [
                #"29:87: E305 state "tell" fills "kode", which is not declared under data; did you mean "code"?"#
            ]),
        BrokenFile(
            "W307", "'PUT api",
            "'POST api",
            [
                #"28:3: W315 state "tell": nothing names what POST /things/${run.id} makes, so that what another run has there "#
                    + "may be taken for this run's; add identity, such as identity: data.session; or identity: none where "
                    + "nothing is made.",
                #"29:5: W307 state "tell": POST /things/${run.id} is not safe to send twice and cannot be looked "#
                    + "up, so a lost answer will wait for a person.",
                #"29:5: W309 state "tell": nothing undoes POST /things/${run.id}, so a failed run leaves behind what it made; "#
                    + "add undo, or undo: none where nothing can.",
            ]),
    ]
}
