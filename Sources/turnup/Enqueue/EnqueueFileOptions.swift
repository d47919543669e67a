import ArgumentParser

struct EnqueueFileOptions: ParsableArguments {
    @Option(help: ArgumentHelp("A .csv or .jsonl file with a run in each row; - is stdin.", valueName: "file"))
    var from: String?
    @Option(help: ArgumentHelp("csv or jsonl, when the file's name does not say it.", valueName: "name"))
    var format: FileFormat?
    @Option(help: ArgumentHelp("Where rejected rows go.", valueName: "file")) var rejected: String?
    @Flag(help: "Enqueue nothing at all when one row is bad.") var strict = false
    @Flag(help: "Go on where an interrupted enqueue of this file has stopped.") var resume = false
    @Option(name: .customLong("batch-rows"), help: ArgumentHelp("Rows in one transaction.", valueName: "number"))
    var batchRows = 5000
    @Option(
        name: .customLong("connections"),
        help: ArgumentHelp("How many batches are under way at once.", valueName: "number"))
    var connections = 2

    var isUsed: Bool { format != nil || rejected != nil || strict || resume }

    func validate() throws {
        guard (1...50_000).contains(batchRows) else { throw TerminalTexts.outOfRange("--batch-rows", "1 to 50000") }
        guard (1...16).contains(connections) else { throw TerminalTexts.outOfRange("--connections", "1 to 16") }
        if strict, resume { throw EnqueueTexts.nothingToResumeLater }
    }

    func options(from path: String, workflow: String, organisation: String?, version: Int?) -> EnqueueFile.Options {
        EnqueueFile.Options(
            workflow: workflow, organisation: organisation, version: version, from: path, format: format,
            rejectedPath: rejected, rowsPerBatch: batchRows, batchesAtOnce: connections, isStrict: strict,
            resumes: resume)
    }
}

extension FileFormat: ExpressibleByArgument {}
