public import Foundation
public import WorkflowCore

/// A definition file that is fit to run.
public struct LoadedWorkflow: Sendable, Equatable {
    public let definition: Definition
    /// What the definition's identity is computed from: see `Definition.canonicalText`.
    public let canonical: String
    /// The file as it was written.
    public let source: String
    /// What is worth a second look; never an error.
    public let warnings: [WorkflowProblem]
}

/// What came of reading a definition file.
public struct WorkflowCheck: Sendable, Equatable {
    /// nil when a problem is an error.
    public let workflow: LoadedWorkflow?
    /// All problems of the file, in the order of their places.
    public let problems: [WorkflowProblem]
    /// The file's values in canonical order, also where the definition is not fit to run; nil when it is no YAML.
    public let tree: JSONValue?

    public var errors: [WorkflowProblem] { problems.filter { $0.severity == .error } }
    public var warnings: [WorkflowProblem] { problems.filter { $0.severity == .warning } }
}

/// Loads and checks definition files.
public enum WorkflowFile {
    /// Reads a file's bytes. `name` is shown in messages; its last part without suffix must be the workflow's name.
    ///
    /// Any bytes are fine: what is wrong comes back as problems with places.
    public static func check(_ bytes: [UInt8], name: String, mode: DefinitionMode = .check) -> WorkflowCheck {
        let yaml = YAMLReader(bytes)
        var problems = yaml.problems.map {
            WorkflowProblem(file: name, position: $0.position, code: $0.code, message: $0.message, hint: $0.hint)
        }
        guard yaml.isReadable, let root = yaml.root else {
            return WorkflowCheck(workflow: nil, problems: problems, tree: nil)
        }
        // In canonical order, so that the definition equals the one that a worker reads from the store.
        let tree = Definition.canonicalOrder(of: root)
        let (definition, found) = Definition.check(tree, mode: mode)
        problems += found.map { WorkflowProblem($0, file: name, positions: yaml.positions) }
        problems += nameProblem(tree, name, yaml.positions)
        problems = ordered(problems)
        let warnings = problems.filter { $0.severity == .warning }
        guard let definition, warnings.count == problems.count else {
            return WorkflowCheck(workflow: nil, problems: problems, tree: tree)
        }
        let workflow = LoadedWorkflow(
            definition: definition, canonical: tree.serialized(), source: String(decoding: bytes, as: UTF8.self),
            warnings: warnings)
        return WorkflowCheck(workflow: workflow, problems: problems, tree: tree)
    }

    /// Reads a text; see `check(_:name:mode:)`.
    public static func check(_ text: String, name: String, mode: DefinitionMode = .check) -> WorkflowCheck {
        check(Array(text.utf8), name: name, mode: mode)
    }

    /// Reads a file.
    ///
    /// - Throws: the error of the file system when the file cannot be read.
    public static func check(contentsOf url: URL, mode: DefinitionMode = .check) throws -> WorkflowCheck {
        check(Array(try Data(contentsOf: url)), name: url.relativePath, mode: mode)
    }

    /// What a file changes against a published version: E501 for other content under its number, E502 for runs that
    /// `moved` would lose, W503 for stricter input. `check` finds what is wrong with the file itself.
    ///
    /// `older` is the canonical form of that version. `liveRuns` says how many live and held runs of it stand in each
    /// state; nil when nobody counted.
    public static func changes(
        _ bytes: [UInt8], name: String, after older: JSONValue, liveRuns: [String: Int]? = nil
    ) -> [WorkflowProblem] {
        let yaml = YAMLReader(bytes)
        guard yaml.isReadable, let root = yaml.root else { return [] }
        let found = DefinitionChange.problems(
            of: Definition.canonicalOrder(of: root), after: older, liveRuns: liveRuns)
        return ordered(found.map { WorkflowProblem($0, file: name, positions: yaml.positions) })
    }

    /// Problems of the definition as problems of its file.
    public static func placed(_ problems: [DefinitionProblem], in bytes: [UInt8], name: String) -> [WorkflowProblem] {
        let yaml = YAMLReader(bytes)
        return ordered(problems.map { WorkflowProblem($0, file: name, positions: yaml.positions) })
    }

    private static func nameProblem(_ tree: JSONValue, _ name: String, _ positions: PositionTree) -> [WorkflowProblem] {
        guard let workflow = tree["workflow"]?.stringValue else { return [] }
        let file = name.split(separator: "/").last.map(String.init) ?? name
        let stem =
            file.hasSuffix(".yaml")
            ? String(file.dropLast(5)) : file.hasSuffix(".yml") ? String(file.dropLast(4)) : file
        guard workflow != stem else { return [] }
        let position = positions.position(of: DefinitionPath([.name("workflow")]), .value)
        return [
            WorkflowProblem(
                file: name, position: position, code: .wrongType,
                message: "the workflow is called \"\(workflow)\", but the file \"\(file)\"",
                hint: "give both the same name")
        ]
    }

    private static func ordered(_ problems: [WorkflowProblem]) -> [WorkflowProblem] {
        var seen: Set<WorkflowProblem> = []
        return problems.filter { seen.insert($0).inserted }
            .sorted {
                ($0.position, $0.code.rawValue, $0.message) < ($1.position, $1.code.rawValue, $1.message)
            }
    }
}

extension WorkflowProblem {
    init(_ problem: DefinitionProblem, file: String, positions: PositionTree) {
        let place = problem.declaredAt.map { " (declared at \(positions.position(of: $0, .name)))" } ?? ""
        self.init(
            file: file, position: positions.position(of: problem.path, problem.spot), code: problem.code,
            message: problem.message + place, hint: problem.hint)
    }
}
