/// One version of a workflow as the engine runs it: every name in it is resolved.
///
/// It is read from its canonical form (the parsed file as JSON), so a worker needs no files.
public struct Definition: Sendable, Equatable {
    public let workflow: String
    public let version: Int
    public let title: String?
    /// What a run is about: literals and `input.x` only, so that SQL can evaluate it.
    public let key: Template
    /// Name of the first state.
    public let start: String
    public let input: [FieldDefinition]
    /// The run's variables, written by `save` and `set` alone.
    public let data: [FieldDefinition]
    public let output: [NamedTemplate]
    /// Names of the credentials that the vault holds for an organisation or the installation.
    public let secrets: [String]
    public let services: [ServiceDefinition]
    /// Names for answers, tested in this order.
    public let errors: [ErrorRule]
    /// In the order of the canonical form, which is by name. The engine does not depend on the order.
    public let states: [StateDefinition]
    /// How long the whole run may take. Time in waits counts; time in holds does not.
    public let deadlineMilliseconds: Int64
    /// How many runs of the workflow may be under way; nil: any number.
    public let limits: RunLimits?
    /// Requests that a person may have sent to learn more of a run.
    public let probes: [ProbeDefinition]

    /// The deadline of a file that names none: thirty days.
    public static let standardDeadlineMilliseconds: Int64 = 30 * 86_400_000

    public init(
        workflow: String, version: Int, title: String? = nil, key: Template, start: String,
        input: [FieldDefinition] = [], data: [FieldDefinition] = [], output: [NamedTemplate] = [],
        secrets: [String] = [], services: [ServiceDefinition] = [], errors: [ErrorRule] = [],
        states: [StateDefinition], deadlineMilliseconds: Int64 = standardDeadlineMilliseconds,
        limits: RunLimits? = nil, probes: [ProbeDefinition] = []
    ) {
        self.workflow = workflow
        self.version = version
        self.title = title
        self.key = key
        self.start = start
        self.input = input
        self.data = data
        self.output = output
        self.secrets = secrets
        self.services = services
        self.errors = errors
        self.states = states
        self.deadlineMilliseconds = deadlineMilliseconds
        self.limits = limits
        self.probes = probes
    }

    public func state(_ name: String) -> StateDefinition? { states.first { $0.name == name } }
    public func service(_ name: String) -> ServiceDefinition? { services.first { $0.name == name } }

    /// The time-out of one attempt of a call, in milliseconds.
    public func timeoutMilliseconds(of call: CallDefinition) -> Int64 {
        call.timeoutMilliseconds ?? service(call.service)?.timeoutMilliseconds
            ?? ServiceDefinition.standardTimeoutMilliseconds
    }
    public func variable(_ name: String) -> FieldDefinition? { data.first { $0.name == name } }

    /// Why a run cannot have this input, in which nothing is left out; nil: it can.
    public func problem(withInput given: JSONObject) -> String? {
        for field in input {
            guard let value = given[field.name] else { return "input \"\(field.name)\" is missing" }
            if let problem = field.problem(with: value) { return "input \(problem)" }
        }
        return nil
    }

    /// Why a run of another version's input cannot start by this version; nil: it can. `key` is what it would be about.
    public func problem(withOlderInput given: JSONObject) -> (problem: String?, key: String?) {
        var whole = given
        for field in input where whole[field.name] == nil { whole[field.name] = field.defaultValue }
        if let unknown = whole.members.first(where: { member in !input.contains { $0.name == member.name } }) {
            return ("it has no input \"\(unknown.name)\"", nil)
        }
        if let problem = problem(withInput: whole) { return (problem, nil) }
        var scope = ExpressionScope()
        scope["input"] = .json(.object(whole))
        return (nil, try? key.text(scope))
    }

    /// The state that a run enters after an error that nothing catches: the state `failed` if it has `end: failed`,
    /// else the only state with `end: failed`.
    public var failureState: StateDefinition? {
        let failures = states.filter { $0.exit == .end(.failed) }
        return failures.first { $0.name == "failed" } ?? failures.first
    }
}

/// A name with the template that gives its value.
public struct NamedTemplate: Sendable, Equatable {
    public let name: String
    public let template: Template

    public init(name: String, template: Template) {
        self.name = name
        self.template = template
    }
}

/// An input or a variable. The checks are a subset of JSON Schema.
public struct FieldDefinition: Sendable, Equatable {
    public enum Kind: String, Sendable, CaseIterable {
        case string, integer, number, boolean, object, array
        case null
    }

    public let name: String
    /// One kind, or several for `type: [integer, "null"]`.
    public let kinds: [Kind]
    public let isSecret: Bool
    public let title: String?
    public let defaultValue: JSONValue?
    /// A regular expression in the JSON Schema sense: found anywhere unless anchored.
    public let pattern: String?
    public let minimumLength: Int?
    public let maximumLength: Int?
    public let minimum: JSONNumber?
    public let maximum: JSONNumber?
    public let allowedValues: [JSONValue]?

    public init(
        name: String, kinds: [Kind], isSecret: Bool = false, title: String? = nil, defaultValue: JSONValue? = nil,
        pattern: String? = nil, minimumLength: Int? = nil, maximumLength: Int? = nil,
        minimum: JSONNumber? = nil, maximum: JSONNumber? = nil, allowedValues: [JSONValue]? = nil
    ) {
        self.name = name
        self.kinds = kinds
        self.isSecret = isSecret
        self.title = title
        self.defaultValue = defaultValue
        self.pattern = pattern
        self.minimumLength = minimumLength
        self.maximumLength = maximumLength
        self.minimum = minimum
        self.maximum = maximum
        self.allowedValues = allowedValues
    }
}

/// One named target of a definition.
public struct ServiceDefinition: Sendable, Equatable {
    /// The time-out of one attempt where the file names none.
    public static let standardTimeoutMilliseconds: Int64 = 30_000
    public static let longestTimeoutMilliseconds: Int64 = 3_600_000

    public let name: String
    /// nil: the installation's, set by `turnup service set`.
    public let baseURL: String?
    public let auth: AuthDefinition?
    public let headers: [NamedTemplate]
    public let timeoutMilliseconds: Int64
    /// How many requests the service takes. nil: only the limits of the installation hold; else the tighter of both.
    public let limits: ServiceLimits?
    /// The length of the first pause when the service is down; nil: the worker's value.
    public let cooldownMilliseconds: Int64?

    public init(
        name: String, baseURL: String? = nil, auth: AuthDefinition? = nil, headers: [NamedTemplate] = [],
        timeoutMilliseconds: Int64 = standardTimeoutMilliseconds, limits: ServiceLimits? = nil,
        cooldownMilliseconds: Int64? = nil
    ) {
        self.name = name
        self.baseURL = baseURL
        self.auth = auth
        self.headers = headers
        self.timeoutMilliseconds = timeoutMilliseconds
        self.limits = limits
        self.cooldownMilliseconds = cooldownMilliseconds
    }
}
