public import Vault
public import WorkflowCore

/// One attempt of a call, with everything it may use.
public struct Action: Sendable {
    /// Sent as `X-Request-Id`, so that a platform's log can be joined with ours.
    public let attemptId: Identifier
    public let call: CallDefinition
    public let service: ServiceDefinition
    /// The definition's names for answers, and for a lost connection where one counts, in order.
    public let errors: [ErrorRule]
    /// The run's variables, which `save` fills.
    public let variables: [FieldDefinition]
    public let target: ServiceTarget
    public let scope: ActionScope
    /// For everything from the look-up of the name to the last byte of the answer.
    public let deadlineMilliseconds: Int64
    /// Of a look-up: what to make of the answer.
    public let reconcile: ReconcileDefinition?
    /// Of a look-up that goes on with a list: which page to ask for.
    public let page: LookUpPage?
    /// The time from which the deadline counts; nil: from the beginning of the action.
    public var startedAt: ContinuousClock.Instant?
    /// The request must not leave after this time, even if there were time for an answer.
    public var latestDeparture: ContinuousClock.Instant?
    /// The request as it was put together before its intent; nil: it is put together when it is sent.
    public var prepared: PreparedRequest?

    public init(
        attemptId: Identifier, call: CallDefinition, service: ServiceDefinition, errors: [ErrorRule] = [],
        variables: [FieldDefinition] = [], target: ServiceTarget, scope: ActionScope, deadlineMilliseconds: Int64,
        reconcile: ReconcileDefinition? = nil, page: LookUpPage? = nil
    ) {
        self.attemptId = attemptId
        self.call = call
        self.service = service
        self.errors = errors
        self.variables = variables
        self.target = target
        self.scope = scope
        self.deadlineMilliseconds = deadlineMilliseconds
        self.reconcile = reconcile
        self.page = page
    }
}

/// Where the installation says a service is.
public struct ServiceTarget: Sendable {
    public let name: String
    /// Scheme, host, and where needed port and a prefix for all paths.
    public let baseURL: String
    /// Empty: public addresses only. Otherwise these and no others.
    public let allowedAddresses: [AddressRule]
    /// False for a platform that refuses unknown headers.
    public let sendsRequestId: Bool

    public init(
        name: String, baseURL: String, allowedAddresses: [AddressRule] = [], sendsRequestId: Bool = true
    ) {
        self.name = name
        self.baseURL = baseURL
        self.allowedAddresses = allowedAddresses
        self.sendsRequestId = sendsRequestId
    }
}

/// What the templates of a call can read.
public struct ActionScope: Sendable {
    public let runId: Identifier
    public let organisation: String
    /// What the run is about.
    public let key: String
    public let workflow: String
    public let version: Int
    public let stateName: String
    /// The idempotency value of the stay.
    public let idempotencyKey: String
    /// From 1.
    public let attemptNumber: Int
    public let input: JSONObject
    /// The plain variables that have a value.
    public let data: JSONObject
    /// The secret variables that have a value.
    public let secretData: [OpenedSecret]
    /// The credentials that the definition lists.
    public let secrets: [OpenedSecret]
    /// What a resend under an idempotency key reads in place of newer values, beside `auth` and what is fresh.
    public let frozen: FrozenSecrets
    /// What is not sent, but known, so that it is masked and recognised in an answer.
    public let compared: [OpenedSecret]
    /// The version under which a new value of a variable is sealed.
    public let nextSecretVersion: @Sendable (String) -> Int

    public init(
        runId: Identifier, organisation: String, key: String, workflow: String, version: Int, stateName: String,
        idempotencyKey: String? = nil, attemptNumber: Int, input: JSONObject = JSONObject(),
        data: JSONObject = JSONObject(),
        secretData: [OpenedSecret] = [], secrets: [OpenedSecret] = [], frozen: FrozenSecrets = FrozenSecrets(),
        compared: [OpenedSecret] = [],
        nextSecretVersion: @escaping @Sendable (String) -> Int = { _ in 1 }
    ) {
        self.runId = runId
        self.organisation = organisation
        self.key = key
        self.workflow = workflow
        self.version = version
        self.stateName = stateName
        self.idempotencyKey = idempotencyKey ?? "\(runId)/\(stateName)"
        self.attemptNumber = attemptNumber
        self.input = input
        self.data = data
        self.secretData = secretData
        self.secrets = secrets
        self.frozen = frozen
        self.compared = compared
        self.nextSecretVersion = nextSecretVersion
    }

    /// Every secret at hand, newer and older versions.
    var known: [OpenedSecret] { secretData + secrets + frozen.data + frozen.credentials + compared }
}

/// A secret in plain, for one attempt.
public struct OpenedSecret: Sendable {
    /// The variable's or the credential's name.
    public let name: String
    public let secret: Secret
    public let reference: SealedReference
    public let owner: SecretScope
    /// How long ago it was sealed; nil when that is not known.
    public let ageMilliseconds: Int64?
    /// What evidence calls it, where it is not the run's own value of that name.
    public let evidenceName: String

    public init(
        name: String, secret: Secret, reference: SealedReference, owner: SecretScope = .run,
        ageMilliseconds: Int64? = nil, evidenceName: String? = nil
    ) {
        self.name = name
        self.secret = secret
        self.reference = reference
        self.owner = owner
        self.ageMilliseconds = ageMilliseconds
        self.evidenceName = evidenceName ?? name
    }
}

/// The older versions that a resend reads, one of each secret that has a newer one.
public struct FrozenSecrets: Sendable {
    public var data: [OpenedSecret]
    public var credentials: [OpenedSecret]

    public init(data: [OpenedSecret] = [], credentials: [OpenedSecret] = []) {
        self.data = data
        self.credentials = credentials
    }

    var isEmpty: Bool { data.isEmpty && credentials.isEmpty }
}

/// What an attempt came to, for the commit that closes it.
public struct ActionOutcome: Sendable {
    public let result: AttemptResult
    /// To be stored in the same commit, whatever the outcome is: a platform may show a key only once.
    /// `result.sealed` holds their references.
    public let sealed: [SealedSecret]

    public init(result: AttemptResult, sealed: [SealedSecret] = []) {
        self.result = result
        self.sealed = sealed
    }
}
