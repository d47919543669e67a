public import WorkflowCore
public import WorkflowFiles

/// The bridge to the Amazon States Language: state machines in its JSONPath form.
///
/// Both ways lose something, and what is lost is always told.
public enum AmazonStates {
    public struct Export: Sendable, Equatable {
        /// The state machine.
        public let json: JSONValue
        /// What the state machine cannot express, one line each.
        public let losses: [String]

        /// The state machine as people read it: two spaces for each level.
        public var text: String { PrettyJSON.text(of: json) }
    }

    public struct Import: Sendable, Equatable {
        /// A definition file; nil when a problem is an error.
        public let yaml: String?
        /// What the definition says differently from the state machine, or cannot express.
        public let losses: [String]
        /// What is not taken, with its place.
        public let problems: [WorkflowProblem]
        /// What a file with the definition must be called.
        public let fileName: String
    }
}

/// Names of errors on both sides.
enum AmazonErrorName {
    static let timeout = "States.Timeout"
    static let socket = "States.Http.Socket"
    static let all = "States.ALL"
    static let statusPrefix = "States.Http.StatusCode."

    static func status(_ code: Int) -> String { "\(statusPrefix)\(code)" }

    /// The registered statuses of a family: the other language knows no families.
    static func statuses(ofFamily digit: Int) -> [Int] {
        switch digit {
        case 1: Array(100...103)
        case 2: Array(200...208) + [226]
        case 3: [300, 301, 302, 303, 304, 305, 307, 308]
        case 4: Array(400...418) + Array(421...426) + [428, 429, 431, 451]
        default: Array(500...508) + [510, 511]
        }
    }
}

extension ErrorRule {
    /// Whether the platform may have acted all the same.
    var isUnknown: Bool {
        if let outcome { return outcome == .unknown }
        return statuses.isEmpty || !statuses.allSatisfy(\.isWithin4xx)
    }
}

extension StatusPattern {
    var isWithin4xx: Bool {
        switch self {
        case .exact(let code): code / 100 == 4
        case .family(let digit): digit == 4
        }
    }

    func covers(_ other: StatusPattern) -> Bool {
        switch (self, other) {
        case (.exact(let a), .exact(let b)): a == b
        case (.family(let digit), .exact(let code)): code / 100 == digit
        case (.family(let a), .family(let b)): a == b
        case (.exact, .family): false
        }
    }
}
