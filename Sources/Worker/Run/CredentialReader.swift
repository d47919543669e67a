import EventStore
import HTTPActions
import Vault
import WorkflowCore

/// Finds and opens the secrets that a call uses: credentials by name, and the run's own variables.
///
/// Sealed credentials are trusted for a second, so that many runs of one organisation read them once. What runs ask for
/// at the same time is read together.
actor CredentialReader {
    private typealias Entry = (sealed: SealedSecret?, readAt: ContinuousClock.Instant)

    private static let freshness: Duration = .seconds(1)
    private static let mostKnown = 10_000

    private let store: any EventStore
    private let vault: Vault
    private var known: [CredentialName: Entry] = [:]
    /// What the next look asks for.
    private(set) var wanted: Set<CredentialName> = []
    private var loading: Task<Void, any Error>?

    init(store: any EventStore, vault: Vault) {
        self.store = store
        self.vault = vault
    }

    /// All that a call needs, opened once for an attempt.
    struct Opened: Sendable {
        var credentials: [OpenedSecret] = []
        /// The run's secret variables. Those that the call uses are sent; all others are only compared with the answer.
        var variables: [Secret] = []
        /// What was sent before under the call's idempotency key, where there is a newer version.
        var frozen = FrozenSecrets()
        /// The first credential that is nowhere set; then nothing was opened.
        var missing: String?
        /// Of a probe: what is sent in place of the run's key.
        var probeKey: OpenedSecret?
        /// Why the probe cannot be sent.
        var refusal: String?
        /// Older versions that a resend needs, and that are gone.
        var gone: [String] = []
    }

    /// `inHand` are the run's sealed values that came with the claim, or that this worker has just sealed.
    func open(
        _ planned: PlannedCall, _ service: ServiceDefinition, organisation: String, of runId: Identifier,
        inHand: [SealedSecret]
    ) async throws -> Opened {
        var opened = Opened()
        for name in planned.call.credentials(with: service) {
            guard let sealed = try await credential(CredentialName(organisation: organisation, name: name)) else {
                return Opened(missing: name)
            }
            opened.credentials.append(try open(sealed))
        }
        for held in planned.secrets {
            let place = SecretPlace(
                scope: .run, scopeId: runId.description, name: held.reference.name, version: held.reference.version)
            let mine = inHand.last { $0.place == place }
            let found = if let mine { mine } else { try await store.secretVersion(place) }
            guard let found else {
                throw VaultError(
                    .sealBroken, "the sealed value of data.\(held.reference.name) is gone", hint: "It was forgotten.")
            }
            opened.variables.append(try vault.open(found))
        }
        try await openFrozen(planned, organisation, runId, &opened)
        try await replaceKey(planned, &opened)
        return opened
    }

    /// Only here another run's key is opened, and only because a person has asked for it.
    private func replaceKey(_ planned: PlannedCall, _ opened: inout Opened) async throws {
        guard let probe = planned.probe, probe.credential != .current, let name = probe.key,
            let index = planned.secrets.firstIndex(where: { $0.reference.name == name })
        else { return }
        let evidenceName = "\(probe.credential.rawValue) \(name)"
        if let older = probe.older {
            let place = SecretPlace(
                scope: .run, scopeId: older.run.description, name: older.reference.name,
                version: older.reference.version)
            guard let sealed = try await store.secretVersion(place) else {
                opened.refusal = "the key of run \(older.run) was forgotten meanwhile"
                return
            }
            opened.probeKey = OpenedSecret(
                name: name, secret: try vault.open(sealed), reference: sealed.reference, evidenceName: evidenceName)
        } else {
            var random = SystemRandomNumberGenerator()
            guard let secret = ProbeKey.madeUp(like: opened.variables[index], using: &random) else {
                opened.refusal = "data.\(name) is so short that a made-up one might be somebody's"
                return
            }
            let reference = SealedReference(
                name: name, version: 0, fingerprint: vault.fingerprint(of: secret).shown, length: secret.reveal().count)
            opened.probeKey = OpenedSecret(
                name: name, secret: secret, reference: reference, evidenceName: evidenceName)
        }
    }

    private func open(_ sealed: SealedSecret) throws -> OpenedSecret {
        OpenedSecret(
            name: sealed.place.name, secret: try vault.open(sealed), reference: sealed.reference,
            owner: sealed.place.scope)
    }

    /// The versions that a resend under an idempotency key must send again. Most have no newer version, and are not
    /// opened twice.
    private func openFrozen(
        _ planned: PlannedCall, _ organisation: String, _ runId: Identifier, _ opened: inout Opened
    ) async throws {
        for version in planned.frozen?.secrets ?? [] {
            let isNewest =
                version.owner == .run
                ? planned.secrets.contains {
                    $0.reference.name == version.name && $0.reference.version == version.version
                }
                : opened.credentials.contains {
                    $0.name == version.name && $0.owner == version.owner && $0.reference.version == version.version
                }
            if isNewest { continue }
            let place = SecretPlace(
                scope: version.owner,
                scopeId: version.owner.scopeId(run: runId, organisation: organisation), name: version.name,
                version: version.version)
            guard let sealed = try await store.secretVersion(place) else {
                opened.gone.append(
                    "\(version.owner == .run ? "data" : "secrets").\(version.name), whose version \(version.version) is gone"
                )
                continue
            }
            let older = try open(sealed)
            if version.owner == .run {
                opened.frozen.data.append(older)
            } else {
                opened.frozen.credentials.append(older)
            }
        }
    }

    /// Finds the organisation's value before the general one. A missing value is never cached: whoever sets it wakes
    /// the runs that wait for it.
    func credential(_ name: CredentialName) async throws -> SealedSecret? {
        if let entry = known[name], entry.readAt.duration(to: .now) < Self.freshness, entry.sealed != nil {
            return entry.sealed
        }
        let askedAt = ContinuousClock.now
        wanted.insert(name)
        // A query for others may be under way; the next query asks for everything that was added meanwhile.
        while true {
            if let entry = known[name], entry.readAt >= askedAt { return entry.sealed }
            if let loading {
                _ = await loading.result
                continue
            }
            wanted.insert(name)
            let task = Task { try await self.load() }
            loading = task
            try await task.value
        }
    }

    private func load() async throws {
        let names = Array(wanted)
        wanted = []
        let readAt = ContinuousClock.now
        defer { loading = nil }
        let found = try await store.credentials(names)
        if known.count + names.count > Self.mostKnown { known.removeAll() }
        for (name, sealed) in zip(names, found) { known[name] = (sealed, readAt) }
    }

    /// Seals the same value under another name of its run, for a value that came too late to fill a variable.
    nonisolated func resealed(_ sealed: SealedSecret, name: String, version: Int = 1) throws -> SealedSecret {
        try vault.resealed(sealed, name: name, version: version)
    }
}

extension SecretScope {
    fileprivate func scopeId(run: Identifier, organisation: String) -> String {
        switch self {
        case .run: run.description
        case .organisation: organisation
        case .installation: SecretPlace.installationId
        }
    }
}
