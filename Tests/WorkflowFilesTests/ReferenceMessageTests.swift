import Foundation
import Testing
import WorkflowCore
import WorkflowFiles

/// The language reference shows what its own example prints with one mistake each.
@Suite("Messages of the reference")
struct ReferenceMessageTests {
    struct Mistake: Sendable, CustomTestStringConvertible {
        let old: String
        let new: String
        let message: String

        var testDescription: String { String(message.prefix(60)) }
    }

    static let mistakes = [
        Mistake(
            old: "idempotency: {", new: "idempotancy: {",
            message: #"29:7: E101 unknown key "idempotancy" in call; did you mean "idempotency"?"#),
        Mistake(
            old: "retry: [{error: key_not_active, policy: activation}]\n    next: qr-pending",
            new: "retry: [{error: key_not_active, policy: activation}]\n    next: qr-pendng",
            message: #"43:11: E201 state "token-pending": next names "qr-pendng", which does not exist; "#
                + #"did you mean "qr-pending"?"#),
        Mistake(
            old: "catch: [{error: key_not_active, next: token-pending}]\n", new: "title: Made\n",
            message: #"40:3: E203 state "token-pending" is never reached: no next, choose, catch or await names it."#),
        Mistake(
            old: "    await: {qr_scanned: {next: active}}\n", new: "",
            message: #"44:3: E207 state "qr-pending" has no exit: give it next, choose, await or end."#),
        Mistake(
            old:
                "undo: {call: delete_client, gone: not_checkable} # armed when the call is sent; runs if the run fails or is "
                + "cancelled\n    next: client-created",
            new: "undo: {call: delete_client, gone: not_checkable}\n    next: qr-pending",
            message:
                #"45:81: E206 data.token may be unset in state "qr-pending": the path requested > qr-pending does not "#
                + "save it; save or set it before, or guard it with has(data.token)."),
        Mistake(
            old:
                "    reconcile:                                   # answer lost: look first. The key is shown once, so "
                + "replace, do not adopt\n      {call: list_clients, items: response.body, where: item.externalId == run.id, "
                + "save: {client_id: '${item.id}'}, one: replace}\n",
            new: "    retry: [{error: timeout, policy: activation}]\n",
            message:
                #"32:21: E301 state "requested" retries timeout, but POST /clients may already have worked and is not "#
                + "safe to send twice; add reconcile or idempotency.honoured."),
        Mistake(
            old: ", within: 2h}", new: "}",
            message:
                #"17:3: E303 retry policy "activation" never gives up; add within (for example 2h) or max_attempts."#),
        Mistake(
            old: "client: '${data.client_id}'", new: "client: '${data.api_key}'",
            message: #"10:43: E401 output "client" would show data.api_key, which is secret (declared at 9:35); "#
                + "use fingerprint(data.api_key) or remove it."),
        Mistake(
            old: "POST gateway:/auth/token", new: "'POST gateway:/auth/token/${data.api_key}'",
            message: #"21:26: E402 call "issue_token" puts secret data.api_key into the URL, where proxies log it; "#
                + "move it to body, headers or auth."),
    ]

    @Test(arguments: mistakes)
    func `each mistake prints what the reference shows, by breaking its example`(_ mistake: Mistake) throws {
        try #require(Samples.reference.contains(mistake.old), "the example has nothing to break")
        let text = Samples.reference.replacingOccurrences(of: mistake.old, with: mistake.new)
        let problems = WorkflowFile.check(text, name: "whatsapp-number.yaml").problems.map(\.description)
        #expect(problems.contains("whatsapp-number.yaml:\(mistake.message)"), "\(problems)")
    }

    @Test
    func `a published number with other content prints what the reference shows, by comparing two texts`() throws {
        let older = try #require(WorkflowFile.check(Samples.reference, name: "whatsapp-number.yaml").tree)
        let changed = Samples.reference.replacingOccurrences(of: "timeout: 15s", with: "timeout: 20s")
        let problems = WorkflowFile.changes(
            Array(changed.utf8), name: "whatsapp-number.yaml", after: older, liveRuns: ["token-pending": 2])
        #expect(
            problems.map(\.description) == [
                "whatsapp-number.yaml:3:1: E501 version 3 is already published with other content (2 live runs use it); "
                    + "set version: 4, and moved if live runs should follow."
            ])
    }
}
