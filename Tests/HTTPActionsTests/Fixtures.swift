import Logging
import Testing
import Vault
import WorkflowCore

@testable import HTTPActions

let attemptId = Identifier(high: 0x0192_0000_0000_7000, low: 0x8000_0000_0000_0001)
let runId = Identifier(high: 0x0192_0000_0000_7000, low: 0x8000_0000_0000_0002)
let vault = Vault(keyRing: .generate())

func template(_ text: String) throws -> Template { try Template.parse(text) }

func named(_ pairs: KeyValuePairs<String, String>) throws -> [NamedTemplate] {
    try pairs.map { NamedTemplate(name: $0.key, template: try template($0.value)) }
}

func namedJSON(_ pairs: KeyValuePairs<String, String>) throws -> [NamedJSONTemplate] {
    try pairs.map { NamedJSONTemplate(name: $0.key, value: try JSONTemplate(parsing: .string($0.value))) }
}

func rule(
    _ name: String, _ statuses: [StatusPattern] = [], when condition: String? = nil, outcome: Outcome? = nil
) throws -> ErrorRule {
    ErrorRule(
        name: name, statuses: statuses, condition: try condition.map { try Expression.parse($0) }, outcome: outcome)
}

func opened(_ name: String, _ value: String, version: Int = 1, age: Int64? = nil) throws -> OpenedSecret {
    let place = SecretPlace(scope: .run, scopeId: runId.description, name: name, version: version)
    let sealed = try vault.seal(Secret(value), at: place)
    return OpenedSecret(name: name, secret: Secret(value), reference: sealed.reference, ageMilliseconds: age)
}

/// The parts of an action, with what most tests need.
struct Setup {
    var baseURL: String
    var attemptId = HTTPActionsTests.attemptId
    var method = "POST"
    var path = "/things"
    var query: KeyValuePairs<String, String> = [:]
    var headers: KeyValuePairs<String, String> = [:]
    var auth: AuthDefinition?
    var body: BodyDefinition?
    var ok: [StatusPattern] = [.family(2)]
    var save: KeyValuePairs<String, String> = [:]
    var isRepeatable = false
    var idempotency: IdempotencyDefinition?
    var made: String?
    var reconcile: ReconcileDefinition?
    var page: LookUpPage?
    var service = ServiceDefinition(name: "wpp")
    var errors: [ErrorRule] = []
    var variables: [FieldDefinition] = [
        FieldDefinition(name: "session", kinds: [.string]),
        FieldDefinition(name: "count", kinds: [.integer]),
        FieldDefinition(name: "api_key", kinds: [.string], isSecret: true),
        FieldDefinition(name: "token", kinds: [.string], isSecret: true),
    ]
    var allowed: [AddressRule] = [.loopback]
    var sendsRequestId = true
    var input: JSONObject = ["number": "+34600111222"]
    var data = JSONObject()
    var secretData: [OpenedSecret] = []
    var secrets: [OpenedSecret] = []
    var frozen = FrozenSecrets()
    var stateName = "requested"
    var attemptNumber = 2
    var deadlineMilliseconds: Int64 = 10_000

    init(_ server: ScriptedServer) { baseURL = server.origin }
    init(baseURL: String) { self.baseURL = baseURL }

    func action() throws -> Action {
        Action(
            attemptId: attemptId,
            call: CallDefinition(
                method: method, service: "wpp", path: try template(path), query: try namedJSON(query),
                headers: try named(headers), auth: auth, body: body, ok: ok, save: try named(save),
                isRepeatable: isRepeatable, made: try made.map { try Expression.parse($0) }, idempotency: idempotency),
            service: service, errors: errors, variables: variables,
            target: ServiceTarget(
                name: "wpp", baseURL: baseURL, allowedAddresses: allowed, sendsRequestId: sendsRequestId),
            scope: ActionScope(
                runId: runId, organisation: "acme", key: "+34600111222", workflow: "whatsapp-number", version: 3,
                stateName: stateName, attemptNumber: attemptNumber, input: input, data: data, secretData: secretData,
                secrets: secrets, frozen: frozen, nextSecretVersion: { $0 == "api_key" ? 2 : 1 }),
            deadlineMilliseconds: deadlineMilliseconds, reconcile: reconcile, page: page)
    }
}

func testConfiguration(
    lookUp: @escaping Resolver.LookUp = Resolver.systemLookUp, trustRootsPath: String? = nil
) -> HTTPActionsConfiguration {
    var configuration = HTTPActionsConfiguration(userAgent: "turnup/test")
    configuration.lookUp = lookUp
    configuration.trustRootsPath = trustRootsPath
    return configuration
}

/// Every name has these addresses.
func resolving(to addresses: String..., trustRootsPath: String? = nil) -> HTTPActionsConfiguration {
    testConfiguration(lookUp: { _ in addresses }, trustRootsPath: trustRootsPath)
}

/// Runs the body with a client of its own, and closes that.
func withActions<Result>(
    _ configuration: HTTPActionsConfiguration = testConfiguration(),
    _ body: (HTTPActions) async throws -> Result
) async throws -> Result {
    let actions = HTTPActions(vault: vault, logger: Logger(label: "test"), configuration: configuration)
    do {
        let result = try await body(actions)
        try await actions.shutdown()
        return result
    } catch {
        try await actions.shutdown()
        throw error
    }
}

func perform(_ setup: Setup) async throws -> ActionOutcome {
    let action = try setup.action()
    return try await withActions { await $0.perform(action) }
}

func http(
    _ status: String, _ body: String = "", type: String? = "application/json",
    headers: KeyValuePairs<String, String> = [:]
) -> String {
    var text = "HTTP/1.1 \(status)\r\nContent-Length: \(body.utf8.count)\r\n"
    if let type, !body.isEmpty { text += "Content-Type: \(type)\r\n" }
    for (name, value) in headers { text += "\(name): \(value)\r\n" }
    return text + "\r\n" + body
}

extension ActionOutcome {
    var evidence: JSONObject { result.evidence }
    var evidenceText: String { JSONValue.object(result.evidence).serialized() }
    var detail: String { evidence["detail"]?.stringValue ?? "" }

    /// Everything that could reach a log, an event or a page.
    var everything: String {
        var dumped = ""
        dump(self, to: &dumped)
        return evidenceText + JSONValue.object(result.saved).serialized() + dumped + "\(self)"
    }
}
