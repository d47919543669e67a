public import Vault
import WorkflowCore

extension InMemoryStore {
    public func service(_ name: String) -> ServiceRecord? { serviceRows[name] }

    public func services() -> [ServiceRecord] { serviceRows.values.sorted { $0.name < $1.name } }

    public func setService(_ service: ServiceRecord) {
        var row = service
        row.breaker = serviceRows[service.name]?.breaker ?? Breaker()
        serviceRows[service.name] = row
        wake(waiting: "no_base_url", service: service.name)
    }

    func wake(waiting code: String, service: String?) {
        let time = now()
        for (id, task) in tasks
        where task.waiting == code && task.due > time && (service == nil || task.service == service) {
            tasks[id]?.due = time
        }
    }

    public func putSecret(_ secret: SealedSecret, by actor: String) throws {
        guard !secretRows.contains(where: { $0.sealed.place == secret.place }) else {
            throw StoreError(.refused, "version \(secret.place.version) of \"\(secret.place.name)\" is there already")
        }
        secretRows.append(StoredSecret(sealed: secret, createdAt: now(), createdBy: actor))
        wake(waiting: "no_secret", service: nil)
    }

    public func secret(scope: SecretPlace.Scope, scopeId: String, name: String) -> SealedSecret? {
        secretRows.filter {
            $0.sealed.place.scope == scope && $0.sealed.place.scopeId == scopeId && $0.sealed.place.name == name
                && !$0.isForgotten
        }
        .max { $0.sealed.place.version < $1.sealed.place.version }?.sealed
    }

    public func secretVersion(_ place: SecretPlace) -> SealedSecret? {
        secretRows.first { $0.sealed.place == place && !$0.isForgotten }?.sealed
    }

    public func secrets() -> [SecretSummary] {
        secretRows.filter { $0.sealed.place.scope != .run }.map { row in
            SecretSummary(
                scope: row.sealed.place.scope.rawValue, scopeId: row.sealed.place.scopeId, name: row.sealed.place.name,
                version: row.sealed.place.version, fingerprint: row.sealed.fingerprint.shown,
                createdAt: row.createdAt, createdBy: row.createdBy, isForgotten: row.isForgotten)
        }
        .sorted { ($0.scope, $0.scopeId, $0.name, $0.version) < ($1.scope, $1.scopeId, $1.name, $1.version) }
    }

    public func forgetSecret(scope: SecretPlace.Scope, scopeId: String, name: String) -> Int {
        var forgotten = 0
        for index in secretRows.indices {
            let place = secretRows[index].sealed.place
            guard place.scope == scope, place.scopeId == scopeId, place.name == name, !secretRows[index].isForgotten
            else { continue }
            secretRows[index].isForgotten = true
            forgotten += 1
        }
        return forgotten
    }
}
