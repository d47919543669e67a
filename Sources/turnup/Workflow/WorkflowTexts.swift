/// What the commands of definitions say. The problems of a file have the words of `WorkflowCore`.
enum WorkflowTexts {
    // MARK: Published definitions

    static let listHint = "See \"turnup workflow list\"."
    static let listOrFileHint = "See \"turnup workflow list\"; for a file, give its name with .yaml."

    static func unreadable(_ workflow: String) -> CommandFailure {
        .failed(
            "this version of turnup cannot read the published definition of \(workflow)",
            hint: "Use the version that published it.")
    }

    static func version(_ version: Int, digest: String) -> String { "# version \(version), SHA-256 \(digest)" }

    static func notPublished(_ names: [String]) -> String {
        "Not published, though it comes with the program: \(names.joined(separator: ", "))"
    }
    static let howToPublish = "Publish one with: turnup workflow publish NAME"

    // MARK: Files

    static func shipped(_ names: [String]) -> String { "With the program come: \(names.joined(separator: ", "))." }
    static func brokenShipped(_ problems: String) -> CommandFailure {
        .failed("the definition that comes with the program has errors: \(problems)")
    }

    static func isFine(_ file: String, warnings: Int) -> String {
        "\(file): ok" + (warnings == 0 ? "" : ", \(TerminalTexts.counted(warnings, "warning"))")
    }

    static let notPublished = correctFirst("published")
    static let notDrawn = correctFirst("drawn")
    static let notExported = correctFirst("exported")

    private static func correctFirst(_ what: String) -> CommandFailure {
        .badInput("nothing was \(what): correct the errors above first")
    }

    static func published(_ workflow: String, version: Int, isNew: Bool) -> String {
        let name = "\(workflow) version \(version)"
        return isNew ? "Published \(name)." : "\(name) is published already, unchanged."
    }

    /// Something that another language does not say.
    static func lost(_ loss: String) -> String { "lost: \(loss)" }

    // MARK: Pictures

    static let noGraphviz = CommandFailure.badInput(
        "svg needs Graphviz, and there is no program \"dot\" here",
        hint: "Install the package graphviz, or use --to mermaid.")

    static func notStarted(_ program: String, _ reason: String) -> CommandFailure {
        .failed("\(program) cannot be started: \(reason)")
    }

    static func ended(_ program: String, status: Int32) -> CommandFailure {
        .failed("\(program) ended with status \(status)")
    }

    // MARK: Runs that are under way

    static func against(_ file: String, _ workflow: String, version: Int, runs: Int) -> String {
        "\(file): \(workflow) version \(version) against \(TerminalTexts.counted(runs, "live run"))"
    }

    static func group(_ count: Int, _ fate: String, version: Int, state: String, _ text: String) -> String {
        "  \(count) \(fate): version \(version), state \"\(state)\": \(text)"
    }

    static func more(_ count: Int) -> String { "    … and \(count) more" }

    /// The fate of a run that no version of the file could carry on; `MovePlan` names the others.
    static let wouldBreak = "would break"
    static func unreadableEvents(_ reason: String) -> String { "its events cannot be read: \(reason)" }
    static func goesOn(in state: String) -> String { "goes on in \"\(state)\"" }
    static func noState(version: Int) -> String { "version \(version) has no such state, and moved does not name it" }
    static func noValue(_ variable: String, arrival: String, reader: String) -> String {
        "in \"\(arrival)\" it has no data.\(variable), which \"\(reader)\" reads"
    }
}
