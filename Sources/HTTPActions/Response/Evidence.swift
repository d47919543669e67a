import Vault
import WorkflowCore

/// Gathers what is kept of one attempt. What was not measured is absent, never 0.
struct Evidence {
    let action: Action
    let vault: Vault
    let text: EvidenceText
    private(set) var object = JSONObject()
    private let started: ContinuousClock.Instant
    private var phases = JSONObject()

    init(action: Action, vault: Vault, newSecrets: [Secret] = [], started: ContinuousClock.Instant) {
        self.action = action
        self.vault = vault
        self.started = started
        let known = action.scope.known.map(\.secret)
        text = EvidenceText(masker: Masker(known + newSecrets))
    }

    /// The same, masking these values too in what is added from now on.
    func knowing(_ newSecrets: [Secret]) -> Evidence {
        guard !newSecrets.isEmpty else { return self }
        var evidence = Evidence(action: action, vault: vault, newSecrets: newSecrets, started: started)
        evidence.object = object
        evidence.phases = phases
        return evidence
    }

    mutating func set(_ name: String, _ value: JSONValue?) { if let value { object[name] = value } }

    mutating func setText(_ name: String, _ value: String?) {
        if let value { object[name] = .string(text.shown(value)) }
    }

    mutating func add(_ request: RenderedRequest) {
        set("method", .string(request.method))
        setText("url", request.shownURL)
    }

    mutating func add(credentialsUsed used: [OpenedSecret]) {
        guard !used.isEmpty else { return }
        object["credentials_used"] = .array(
            used.map { opened in
                var entry = JSONObject()
                entry["name"] = .string(opened.evidenceName)
                entry["fingerprint"] = .string(vault.fingerprint(of: opened.secret).shown)
                if let age = opened.ageMilliseconds { entry["age_milliseconds"] = .integer(age) }
                return .object(entry)
            })
    }

    /// `same_as` names a credential that the run held before, when the platform returned that one again.
    mutating func add(credentialsReturned returned: [(name: String, secret: Secret)]) {
        guard !returned.isEmpty else { return }
        let known = action.scope.known.map { ($0.evidenceName, vault.fingerprint(of: $0.secret)) }
        object["credentials_returned"] = .array(
            returned.map { name, secret in
                let fingerprint = vault.fingerprint(of: secret)
                var entry = JSONObject()
                entry["name"] = .string(name)
                entry["fingerprint"] = .string(fingerprint.shown)
                if let same = known.first(where: { $0.1 == fingerprint }) { entry["same_as"] = .string(same.0) }
                return .object(entry)
            })
    }

    mutating func add(lookUp: Duration) { phases["dns_milliseconds"] = .integer(lookUp.milliseconds) }

    mutating func add(_ exchange: Exchange, dialled: ContinuousClock.Instant, isFreshConnection: Bool) {
        let record = exchange.record
        set("request_head_sent", .bool(exchange.isSent))
        if let sent = record.headSentAt {
            // A kept connection was not dialled for this request, so its time is not known.
            if isFreshConnection { phases["connect_milliseconds"] = .integer((sent - dialled).milliseconds) }
            if let received = record.headReceivedAt {
                phases["first_byte_milliseconds"] = .integer((received - sent).milliseconds)
            }
        }
        guard let status = record.status else { return }
        set("status", .integer(status))
        addHeaders(record.headers)
        if let date = record.headers.first(where: { $0.name == "date" })?.value, let ours = record.headReceivedTime,
            let theirs = HTTPDate.milliseconds(date.trimmingSpaces())
        {
            set("clock_difference_milliseconds", .integer(theirs - ours))
        }
        set("body_length", .integer(record.body.count))
        if !record.body.isEmpty {
            let digest = vault.bodyDigest(record.body).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }
            set("body_digest", .string(digest.joined()))
        }
    }

    private static let shownHeaders: Set<String> = [
        "content-type", "content-length", "date", "retry-after", "server", "via", "location", "x-request-id",
        "x-trace-id", "x-correlation-id", "request-id", "cf-ray", "x-amzn-requestid", "x-amzn-trace-id",
        "www-authenticate", "x-cache", "age", "connection",
    ]
    private static let requestIdHeaders = [
        "x-request-id", "request-id", "x-correlation-id", "x-amzn-requestid", "x-trace-id", "cf-ray",
    ]

    private mutating func addHeaders(_ headers: [(name: String, value: String)]) {
        var shown = JSONObject()
        for (name, value) in headers where Self.shownHeaders.contains(name) || Self.isRateLimit(name) {
            guard shown.count < 32 else { break }
            let visible =
                name == "location"
                ? MaskingRule.masked(Redirect.shown(value)) { "<\($0.utf8.count) characters>" } : value
            let earlier = shown[name]?.stringValue.map { $0 + ", " } ?? ""
            shown[name] = .string(earlier + text.shown(visible, limit: 200).text)
        }
        if !shown.isEmpty { object["headers"] = .object(shown) }
        let ours = action.attemptId.description
        for name in Self.requestIdHeaders {
            // Many platforms only repeat what we sent.
            guard let value = headers.first(where: { $0.name == name })?.value, value != ours else { continue }
            setText("provider_request_id", value)
            break
        }
    }

    private static func isRateLimit(_ name: String) -> Bool {
        (name.hasPrefix("x-ratelimit-") || name.hasPrefix("ratelimit")) && name.utf8.count <= 64
    }

    /// The whole, with the total time until now.
    func finished() -> JSONObject {
        var object = object
        var phases = phases
        phases["total_milliseconds"] = .integer((ContinuousClock.now - started).milliseconds)
        object["phases"] = .object(phases)
        return object
    }
}
