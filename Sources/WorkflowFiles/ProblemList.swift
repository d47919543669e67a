import WorkflowCore

/// The problems of several files as they are printed.
public enum ProblemList {
    public static let maximumPerFile = 100

    /// One line per problem, by file and place; of those beyond the maximum of a file, only the number.
    public static func lines(_ problems: [WorkflowProblem], maximumPerFile: Int = maximumPerFile) -> [String] {
        var lines: [String] = []
        let ordered = ordered(problems)
        var rest = ordered[...]
        while let file = rest.first?.file {
            let own = rest.prefix { $0.file == file }
            lines += own.prefix(maximumPerFile).map(\.description)
            if own.count > maximumPerFile { lines.append("\(file): … and \(own.count - maximumPerFile) more") }
            rest = rest.dropFirst(own.count)
        }
        return lines
    }

    /// In the order of file and place.
    public static func ordered(_ problems: [WorkflowProblem]) -> [WorkflowProblem] {
        problems.sorted {
            ($0.file, $0.position, $0.code.rawValue, $0.message) < ($1.file, $1.position, $1.code.rawValue, $1.message)
        }
    }
}
