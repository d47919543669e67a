/// Where an expression stands; it decides what the expression may read.
enum ExpressionPlace: Sendable {
    case key, output
    case path, query
    case header, body, form, auth, verify
    case idempotency
    case save, set, catchSet
    /// `save` of a look-up, and of a signal.
    case itemSave, signalSave
    case holdText, show
    case errorCondition, branchCondition
    case match, itemCondition
    case items
    /// What leads a look-up to the next page of a list.
    case nextPage
    case until
    /// What the platform calls the thing that a state makes.
    case identity
    /// Reads the variables of an older version.
    case moved

    /// All that may be read here.
    var roots: [String] {
        switch self {
        case .key: ["input"]
        case .verify: ["secrets"]
        default: ["input", "data", "run", "state"] + additionalRoots
        }
    }

    private var additionalRoots: [String] {
        switch self {
        case .header, .body, .form, .auth, .verify: ["secrets"]
        case .save, .errorCondition, .items, .nextPage, .show: ["response"]
        case .catchSet, .holdText: ["error"]
        case .itemSave, .itemCondition: ["item"]
        case .match, .signalSave: ["signal"]
        case .key, .output, .path, .query, .set, .branchCondition, .idempotency, .identity, .until, .moved: []
        }
    }

    /// The rule that a secret breaks here; nil where secrets belong.
    var refusalOfSecrets: ProblemCode? {
        switch self {
        case .key, .output, .show, .idempotency, .identity: .secretInOutput
        case .path, .query, .nextPage: .secretInURL
        case .header, .body, .form, .auth, .verify: nil
        case .save, .set, .catchSet, .itemSave, .signalSave, .holdText, .until, .moved: .secretInPlainData
        case .errorCondition, .branchCondition, .match, .itemCondition, .items: .secretCompared
        }
    }

    var isCondition: Bool {
        switch self {
        case .errorCondition, .branchCondition, .match, .itemCondition: true
        default: false
        }
    }

    /// Whether the place shows or keeps the value in a way of its own, so that the usual advice does not help.
    var isSealed: Bool { self == .show || self == .idempotency || self == .identity }

    /// Whether it fills variables from what somebody else sent.
    var isSave: Bool {
        switch self {
        case .save, .itemSave, .signalSave: true
        default: false
        }
    }
}
