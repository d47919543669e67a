/// A value with its place in the tree.
struct Located<Value> {
    let value: Value
    let path: DefinitionPath
}

/// A definition as far as it could be read: names are not resolved, and what was wrong is missing.
struct Draft {
    var workflow: Located<String>?
    var version: Int?
    var title: String?
    var key: Template?
    var start: Located<String>?
    var input: [DraftField] = []
    var data: [DraftField] = []
    var output: [DraftTemplate] = []
    var secrets: [Located<String>] = []
    var services: [DraftService] = []
    var errors: [DraftError] = []
    var policies: [DraftPolicy] = []
    var calls: [DraftCall] = []
    var states: [DraftState] = []
    var probes: [DraftProbe] = []
    var deadlineMilliseconds: Int64?
    var limits: RunLimits?
    var signals: [DraftSignal] = []
    var move: DraftMove?
}

struct DraftField {
    let name: String
    let path: DefinitionPath
    /// nil when it could not be read; the name counts as declared all the same.
    let field: FieldDefinition?
    let isSecret: Bool
}

/// A name with its template; nil when the template could not be read.
struct DraftTemplate {
    let name: String
    let path: DefinitionPath
    let template: Template?
}

struct DraftTree {
    let name: String
    let path: DefinitionPath
    let value: JSONTemplate?
}

struct DraftService {
    let name: String
    let path: DefinitionPath
    var baseURL: String?
    var auth: AuthDefinition?
    var headers: [DraftTemplate] = []
    var timeoutMilliseconds: Int64?
    var limits: ServiceLimits?
    var cooldownMilliseconds: Int64?
}

struct DraftError {
    let name: String
    let path: DefinitionPath
    var statuses: [StatusPattern] = []
    var condition: Expression?
    var outcome: Outcome?
    var namesLostConnection = false

    /// Whether an answer of this name may mean that the request had its effect.
    var mayBeSent: Bool {
        if let outcome { return outcome != .notDone }
        return statuses.isEmpty || statuses.contains { !$0.isWithin4xx }
    }
}

extension StatusPattern {
    var isWithin4xx: Bool {
        switch self {
        case .exact(let code): code / 100 == 4
        case .family(let digit): digit == 4
        }
    }
}

struct DraftPolicy {
    let name: String
    let path: DefinitionPath
    let policy: RetryPolicy?
}

struct DraftCall {
    /// The name under `calls`; nil inside a state.
    let name: String?
    let path: DefinitionPath
    var method = ""
    var service: Located<String>?
    var urlPath: Template?
    var query: [DraftTree] = []
    var headers: [DraftTemplate] = []
    var auth: AuthDefinition?
    var body: BodyDefinition?
    var ok: [StatusPattern]?
    var save: [DraftTemplate] = []
    var timeoutMilliseconds: Int64?
    var isRepeatable = false
    var made: Expression?
    var idempotency: IdempotencyDefinition?
    /// `idempotency.honoured` is given, so that a resend is safe.
    var hasHonouredKey = false
    /// The names under `idempotency.fresh`, as they are compared.
    var fresh: [Located<String>] = []

    /// `POST /clients`, for messages.
    var requestWords: String { "\(method) \(urlPath?.source ?? "")" }
}

struct DraftState {
    enum Call {
        case named(Located<String>)
        case inline(DraftCall)
    }

    let name: String
    let path: DefinitionPath
    var title: String?
    var call: Call?
    var set: [DraftTemplate]?
    var pauseMilliseconds: Int64?
    var hasPause = false
    var retry: [DraftRetry] = []
    var retriesNothing = false
    var catches: [DraftCatch] = []
    var next: Located<String>?
    var branches: [DraftBranch]?
    var end: StateDefinition.EndStatus?
    /// The exits that are written down, whether or not they could be read.
    var exitKeywords: [String] = []
    var deadlineMilliseconds: Int64?
    var awaits: [DraftAwait] = []
    var reconcile: DraftReconcile?
    var identity: IdentityDefinition?
    var undo: DraftUndo?
    var inspect: DraftInspect?
    /// Used in an end state: whether to undo.
    var undoesAtEnd = true
    var stable: StableDefinition?
    /// `undo: none`: the author has decided against an undo.
    var declinesUndo = false
    /// The keywords in the state that need a call, such as `show`.
    var callKeywords: [String] = []
    var isShownAgain = false
    var isAskedAgain = false

    /// The calls of the state, with the keyword each stands under.
    var calls: [(call: Call, keyword: String)] {
        let ofUndo = (undo?.calls ?? []).map { (Optional($0), "undo") }
        let ofInspect = (inspect?.calls ?? []).map { (Optional($0), "inspect") }
        return ([(call, "call"), (reconcile?.call, "reconcile")] + ofUndo + ofInspect).compactMap { call, keyword in
            call.map { ($0, keyword) }
        }
    }

    /// All entries of `retry`: the state's own, and those of what is taken back or inspected.
    var allRetries: [DraftRetry] { retry + (undo?.retry ?? []) + (inspect?.retry ?? []) }

    /// `next` beside `await`: the call's success or a signal, whichever comes first.
    var isRace: Bool { call != nil && exitKeywords == ["next", "await"] }

    var actionKeywords: [String] {
        [(call != nil, "call"), (set != nil, "set"), (hasPause, "pause")].filter(\.0).map(\.1)
    }
}

struct DraftUndo {
    let path: DefinitionPath
    var call: DraftState.Call?
    /// The look-up that shows that the thing is gone; nil where the platform's word counts.
    var gone: DraftReconcile?
    var before: [DraftState.Call] = []
    var retry: [DraftRetry] = []
    var retriesNothing = false
    var takesBackAdopted = false

    /// In the order in which they are sent.
    var calls: [DraftState.Call] { before + [call, gone?.call].compactMap(\.self) }
}

struct DraftInspect {
    let path: DefinitionPath
    var call: DraftState.Call?
    var lookUp: DraftReconcile?
    var before: [DraftState.Call] = []
    var drifted: [Located<String>] = []
    var everyMilliseconds: Int64?
    var retry: [DraftRetry] = []
    var retriesNothing = false

    /// In the order in which they are sent.
    var calls: [DraftState.Call] { before + [call, lookUp?.call].compactMap(\.self) }
}

struct DraftBranch {
    let path: DefinitionPath
    var condition: Expression?
    var hasCondition = false
    var next: Located<String>?
}

struct DraftRetry {
    let path: DefinitionPath
    var errors: [Located<String>] = []
    var policy: Located<String>?
}

struct DraftCatch {
    let path: DefinitionPath
    var errors: [Located<String>] = []
    var next: Located<String>?
    var hold: Template?
    var hasHold = false
    var set: [DraftTemplate] = []
}
