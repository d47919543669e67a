import Testing
import WorkflowFiles

@Suite("Secrets")
struct BrokenSecretTests {
    @Test(arguments: Self.files)
    func `each mistake prints exactly its problems, by breaking one place of a clean file`(_ file: BrokenFile) throws {
        try file.check()
    }

    static let files = [
        BrokenFile(
            "E401 output", "  answer: ${data.answer}",
            "  answer: ${data.answer}${data.code}",
            [
                #"12:11: E401 output "answer" would show data.code, which is secret (declared at 10:3); use "#
                    + "fingerprint(data.code) or remove it."
            ]),
        BrokenFile(
            "E401 vault", "  answer: ${data.answer}",
            "  answer: ${secrets.master}",
            [
                #"12:11: E401 output "answer" reads secrets.master, and no secret may stand here; use it in "#
                    + "auth, headers or body."
            ]),
        BrokenFile(
            "E402", "/${run.id}",
            "/${secrets.master}",
            [
                #"29:21: E402 state "tell" reads secrets.master, and no secret may stand here; use it in auth, "#
                    + "headers or body."
            ]),
        BrokenFile(
            "E402 data", #"next: done\#n"#,
            #"next: last\#n  last:\#n    call: {request: 'GET api:/x', query: {c: 'x${data.code}'}}\#n    next: done\#n"#,
            [
                #"33:46: E402 state "last" puts secret data.code into the URL, where proxies log it; move it to "#
                    + "body, headers or auth."
            ]),
        BrokenFile(
            "E403", #"next: done\#n"#,
            #"next: last\#n  last:\#n    set: {answer: 'x${data.code}'}\#n    next: done\#n"#,
            [
                #"33:19: E403 state "last" copies secret data.code into data.answer, which is plain (declared at "#
                    + "9:3); declare answer with secret: true, or use fingerprint(data.code)."
            ]),
        BrokenFile(
            "E403 vault", #"next: done\#n"#,
            #"next: last\#n  last:\#n    set: {code: '${secrets.master}'}\#n    next: done\#n"#,
            [
                #"33:17: E403 state "last" reads secrets.master, and no secret may stand here; secrets.* is read "#
                    + "at each attempt, in auth, headers or body only."
            ]),
        BrokenFile(
            "E403 hold", "'look at ${input.number}'",
            "'look at ${secrets.master}'",
            [
                #"30:33: E403 state "tell" reads secrets.master, and no secret may stand here; secrets.* is read "#
                    + "at each attempt, in auth, headers or body only."
            ]),
        BrokenFile(
            "W403", #"  answer: {type: string}\#n"#,
            #"  answer: {type: string}\#n  token: {type: string}\#n"#,
            [
                #"10:3: W209 data "token" is declared, but never used; remove it."#
            ]),
        BrokenFile(
            "W403b", "response.body.a}",
            "response.body.apiKey}",
            [
                #"22:90: W403 call "look" saves "apiKey" as plain data, readable in the history (declared at "#
                    + "9:3); declare answer with secret: true."
            ]),
        BrokenFile(
            "E404", #"    next: done\#n"#,
            #"    choose: [{when: "data.code == 'x'", next: done}, {next: failed}]\#n"#,
            [
                #"31:21: E404 state "tell", character 11: a secret cannot be compared; compare fingerprint(x), "#
                    + "or ask has(x)."
            ]),
        BrokenFile(
            "E404 vault", "busy: {status: 409}",
            #"busy: {status: 409, when: "secrets.master == 'x'"}"#,
            [
                #"17:29: E404 error "busy" reads secrets.master, and no secret may stand here; secrets.* is read "#
                    + "at each attempt, in auth, headers or body only."
            ]),
        BrokenFile(
            "E405", "{bearer: '${secrets.master}'}",
            "{bearer: '${secrets.mastr}'}",
            [
                #"22:53: E405 call "look" reads secrets.mastr, which is not listed under secrets; did you mean "#
                    + #""secrets.master"?"#
            ]),
        BrokenFile(
            "W407 auth", "{bearer: '${secrets.master}'}",
            "{bearer: hunter2}",
            [
                #"13:11: W209 secret "master" is declared, but never used; remove it."#,
                #"22:53: W407 call "look": a credential stands in the file, readable by everybody who can read "#
                    + "it; list a name under secrets, and fill it with: turnup secret set NAME.",
            ]),
        BrokenFile(
            "W407 header", "body: {c:",
            "headers: {X-Auth: sk_live_51HyT8qLkJd83hdkqLw0}, body: {c:",
            [
                #"29:68: W407 state "tell": this looks like a key, readable by everybody who can read it; list a "#
                    + "name under secrets, and fill it with: turnup secret set NAME."
            ]),
    ]
}
