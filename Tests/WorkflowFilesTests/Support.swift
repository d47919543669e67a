import Foundation
import Testing
import WorkflowFiles

/// Definition texts for the tests.
enum Samples {
    /// The top of the repository, from this file's place in it.
    static let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    static func shipped(_ name: String) throws -> [UInt8] {
        Array(try Data(contentsOf: repository.appendingPathComponent("workflows/\(name).yaml")))
    }

    /// A small definition without any problem; the tests break it one line at a time.
    static let small = """
        dsl: 1
        workflow: small
        version: 1
        key: ${input.number}
        start: ask
        input:
          number: {type: string}
        data:
          answer: {type: string}
          code: {type: string, secret: true}
        output:
          answer: ${data.answer}
        secrets: [master]
        services:
          api: {timeout: 15s}
        errors:
          busy: {status: 409}
          lost: {status: 5xx}
        retries:
          patient: {delay: 1s, within: 2h}
        calls:
          look: {request: 'GET api:/things', auth: {bearer: '${secrets.master}'}, save: {answer: '${response.body.a}'}}
        states:
          ask:
            call: look
            retry: [{error: busy, policy: patient}]
            next: tell
          tell:
            call: {request: 'PUT api:/things/${run.id}', body: {c: '${input.number}'}, save: {code: '${response.body.c}'}}
            catch: [{error: busy, hold: 'look at ${input.number}'}]
            next: done
          done: {end: succeeded}
          failed: {end: failed}

        """

    /// `small` with one text replaced by another.
    static func small(_ old: String, _ new: String) -> String { small.replacingOccurrences(of: old, with: new) }
}

/// The printed problems of a text.
func printed(_ text: String, name: String = "small.yaml") -> [String] {
    WorkflowFile.check(text, name: name).problems.map(\.description)
}

/// One mistake in `Samples.small`, and what it prints.
struct BrokenFile: Sendable, CustomTestStringConvertible {
    let title: String
    let old: String
    let new: String
    /// Without the name of the file.
    let problems: [String]

    init(_ title: String, _ old: String, _ new: String, _ problems: [String]) {
        self.title = title
        self.old = old
        self.new = new
        self.problems = problems
    }

    var testDescription: String { title }

    func check() throws {
        try #require(Samples.small.contains(old), "the sample has nothing to break")
        #expect(printed(Samples.small(old, new)) == problems.map { "small.yaml:\($0)" })
    }
}
