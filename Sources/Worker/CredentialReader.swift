import EventStore
import HTTPActions
import Vault
import WorkflowCore

/// Finds and opens the secrets that a call uses: credentials by name, and the run's own variables.
///
/// Sealed credentials are trusted for a second, so that many runs of one organisation read them once.
actor CredentialReader {
    private struct Name: Hashable {
        let organisation: String
        let name: String
    }

    private typealias Entry = (sealed: SealedSecret, readAt: ContinuousClock.Instant)

    private static let freshness: Duration = .seconds(1)
    private static let mostKnown = 10_000

    private let store: any EventStore
    private let vault: Vault
    private var known: [Name: Entry] = [:]
    /// The installation's values, which most organisations share.
    private var generals: [String: Entry] = [:]

    init(store: any EventStore, vault: Vault) {
        self.store = store
        self.vault = vault
    }

    /// The organisation's value before the general one; nil when there is neither, which is never remembered:
    /// whoever sets it wakes the runs that wait for it.
    func credential(_ name: String, organisation: String) async throws -> SealedSecret? {
        let key = Name(organisation: organisation, name: name)
        if let entry = known[key], isFresh(entry) { return entry.sealed }
        let own = try await store.secret(scope: .organisation, scopeId: organisation, name: name)
        let found = if let own { own } else { try await general(name) }
        if known.count >= Self.mostKnown { known.removeAll() }
        known[key] = found.map { ($0, .now) }
        return found
    }

    private func general(_ name: String) async throws -> SealedSecret? {
        if let entry = generals[name], isFresh(entry) { return entry.sealed }
        let found = try await store.secret(scope: .installation, scopeId: SecretPlace.installationId, name: name)
        generals[name] = found.map { ($0, .now) }
        return found
    }

    private func isFresh(_ entry: Entry) -> Bool { entry.readAt.duration(to: .now) < Self.freshness }

    /// The first credential of a call that is nowhere set; nil when all are there.
    func missing(for call: CallDefinition, service: ServiceDefinition, organisation: String) async throws -> String? {
        for name in call.credentials(with: service) {
            if try await credential(name, organisation: organisation) == nil { return name }
        }
        return nil
    }

    func openedCredentials(for call: CallDefinition, service: ServiceDefinition, organisation: String) async throws
        -> [OpenedSecret]
    {
        var opened: [OpenedSecret] = []
        for name in call.credentials(with: service) {
            guard let sealed = try await credential(name, organisation: organisation) else { continue }
            opened.append(
                OpenedSecret(name: name, secret: try vault.open(sealed), reference: sealed.reference))
        }
        return opened
    }

    /// The same value under another name of its run: for what came too late to be a variable.
    nonisolated func resealed(_ sealed: SealedSecret, name: String) throws -> SealedSecret {
        let place = SecretPlace(scope: .run, scopeId: sealed.place.scopeId, name: name, version: 1)
        return try vault.seal(try vault.open(sealed), at: place)
    }

    /// The run's sealed variables that are not in hand yet, once it is sure that each can be opened.
    func sealedVariables(
        _ secrets: [HeldSecret], of runId: Identifier, beyond inHand: [SealedSecret]
    ) async throws -> [SealedSecret] {
        var found: [SealedSecret] = []
        for held in secrets {
            let place = SecretPlace(
                scope: .run, scopeId: runId.description, name: held.reference.name,
                version: held.reference.version)
            guard !inHand.contains(where: { $0.place == place }) else { continue }
            guard let sealed = try await store.secretVersion(place) else {
                throw VaultError(
                    .sealBroken, "the sealed value of data.\(held.reference.name) is gone", hint: "It was forgotten.")
            }
            _ = try vault.open(sealed)
            found.append(sealed)
        }
        return found
    }

    /// All secret variables of the run: the used ones are sent, the others are what an answer is compared with.
    /// `inHand` are values that this worker has just sealed.
    func openedVariables(
        _ secrets: [HeldSecret], of runId: Identifier, inHand: [SealedSecret], now: Instant
    ) async throws -> [OpenedSecret] {
        var opened: [OpenedSecret] = []
        for held in secrets {
            let place = SecretPlace(
                scope: .run, scopeId: runId.description, name: held.reference.name,
                version: held.reference.version)
            let mine = inHand.first { $0.place == place }
            let found = if let mine { mine } else { try await store.secretVersion(place) }
            guard let found else {
                throw StoreError(.notFound, "the sealed value of data.\(held.reference.name) is gone")
            }
            opened.append(
                OpenedSecret(
                    name: held.reference.name, secret: try vault.open(found), reference: held.reference,
                    // The worker's own time may be a little behind that of the commit.
                    ageMilliseconds: max(0, now.milliseconds(since: held.sealedAt))))
        }
        return opened
    }
}
