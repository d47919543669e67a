import ArgumentParser

/// What `turnup verify` says beside the violations, whose words are those of `Diagnostics`.
enum VerifyTexts {
    // MARK: Options

    static let threeWays = ValidationError("--run, --sample and --workflow with --since are three ways; give one")
    static let noWholeId = ValidationError("--after is not a whole run id")
    static let afterAlone = ValidationError("--after does not go with --run or --sample")

    // MARK: Results

    static func counts(runs: Int, events: Int64, violations: Int, warnings: Int) -> String {
        "\(runs) runs, \(events) events, \(violations) violations" + (warnings == 0 ? "" : ", \(warnings) warnings")
    }

    static func end(_ counts: String, seconds: String, isPartial: Bool) -> String {
        "\(isPartial ? "Interrupted: " : "")\(counts), \(seconds) s"
    }

    /// `options` are those of the first call, each behind a blank.
    static func goOn(after run: String, options: String) -> String {
        "All runs up to \(run) were looked at. Go on with: turnup verify\(options) --after \(run)"
    }

    // MARK: A violation

    static func place(run: String?, event: Int64?) -> String {
        (run.map { "run \($0)" } ?? "installation") + (event.map { " event \($0)" } ?? "")
    }

    static func facts(expected: String?, actual: String?) -> String {
        let facts = [expected.map { "expected \($0)" }, actual.map { "found \($0)" }].compactMap { $0 }
        return facts.isEmpty ? "" : ": " + facts.joined(separator: ", ")
    }
}
