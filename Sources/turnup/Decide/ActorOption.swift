import ArgumentParser

/// Who acts, for the history.
struct ActorOption: ParsableArguments {
    @Option(
        name: .customLong("actor"),
        help: ArgumentHelp(
            "Who decided it, when a service asks on somebody's behalf; person:LOGIN unless given.",
            valueName: "kind:name"))
    var given: String?

    var name: String { given ?? Session.actor }

    func validate() throws {
        guard let given else { return }
        let parts = given.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let isName = given.utf8.count <= 255 && !given.contains { $0.isNewline } && Table.visible(given) == given
        guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty, isName else {
            throw DecideTexts.badActor
        }
        // What a worker writes is recognised by its name.
        guard parts[0] != "worker" else { throw DecideTexts.actorIsWorker }
    }
}

/// Why a person decides something: it stays in the history.
struct Reason: ExpressibleByArgument {
    let text: String

    init?(argument: String) { text = argument }

    func validate() throws {
        guard text.contains(where: { !$0.isWhitespace }) else {
            throw DecideTexts.blankReason
        }
        guard text.utf8.count <= 4096 else { throw DecideTexts.longReason }
    }
}
