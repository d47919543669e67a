import Postgres
public import Vault
public import WorkflowCore

extension PostgresStore {
    private static let columns = "scope, scope_id, name, version, key_id, nonce, ciphertext, fingerprint, length"

    public func putSecret(_ secret: SealedSecret, by actor: String) async throws {
        let put = try await query(
            """
            with put as (
              insert into turnup.secret (\(Self.columns), created_at, created_by)
              values ($1, $2, $3, $4::integer, $5, $6, $7, $8, $9::integer, turnup.now(), $10)
              on conflict do nothing returning name)
            select turnup.wake_waiting('no_secret', null, case when $1 = 'organisation' then $2 end) from put
            """,
            [
                .text(secret.place.scope.rawValue), .text(secret.place.scopeId), .text(secret.place.name),
                .int(Int64(secret.place.version)), .text(secret.keyId), .bytes(secret.nonce),
                .bytes(secret.ciphertext), .bytes(secret.fingerprint.bytes), .int(Int64(secret.length)), .text(actor),
            ], label: "put secret")
        guard put.count == 1 else {
            throw StoreError(.refused, "version \(secret.place.version) of \"\(secret.place.name)\" is there already")
        }
    }

    public func secret(scope: SecretScope, scopeId: String, name: String) async throws -> SealedSecret? {
        let rows = try await query(
            """
            select \(Self.columns) from turnup.secret
            where scope = $1 and scope_id = $2 and name = $3 and ciphertext is not null
            order by version desc limit 1
            """, [.text(scope.rawValue), .text(scopeId), .text(name)], readOnly: true, label: "read secret")
        return try decoded { try rows.first.map { try SealedSecret(row: $0) } }
    }

    public func credentials(_ names: [CredentialName]) async throws -> [SealedSecret?] {
        guard !names.isEmpty else { return [] }
        let rows = try await query(
            """
            select g.place, s.scope, s.scope_id, s.name, s.version, s.key_id, s.nonce, s.ciphertext, s.fingerprint,
              s.length
            from unnest($1::text[], $2::text[]) with ordinality as g(organisation, name, place)
              cross join lateral (
                select * from turnup.secret s
                where (s.scope, s.scope_id) in (('organisation', g.organisation), ('installation', $3))
                  and s.name = g.name and s.ciphertext is not null
                order by s.scope = 'organisation' desc, s.version desc limit 1) as s
            """,
            [
                .textArray(names.map(\.organisation)), .textArray(names.map(\.name)),
                .text(SecretPlace.installationId),
            ], readOnly: true, label: "read credentials")
        return try decoded {
            var found = [SealedSecret?](repeating: nil, count: names.count)
            for row in rows { found[Int(try row.int("place")) - 1] = try SealedSecret(row: row) }
            return found
        }
    }

    public func secretVersion(_ place: SecretPlace) async throws -> SealedSecret? {
        let rows = try await query(
            """
            select \(Self.columns) from turnup.secret
            where scope = $1 and scope_id = $2 and name = $3 and version = $4::integer and ciphertext is not null
            """,
            [.text(place.scope.rawValue), .text(place.scopeId), .text(place.name), .int(Int64(place.version))],
            readOnly: true, label: "read secret version")
        return try decoded { try rows.first.map { try SealedSecret(row: $0) } }
    }

    public func secrets() async throws -> [SecretSummary] {
        let rows = try await query(
            """
            select scope, scope_id, name, version, fingerprint, turnup.microseconds(created_at) as created_at,
              created_by, forgotten_at is not null as forgotten
            from turnup.secret where scope <> 'run' order by scope, scope_id, name, version
            """, readOnly: true, label: "list secrets")
        return try decoded {
            try rows.map { row in
                SecretSummary(
                    scope: try row.string("scope"), scopeId: try row.string("scope_id"), name: try row.string("name"),
                    version: Int(try row.int("version")),
                    fingerprint: ContentDigest.hex(Array(try row.bytes("fingerprint").prefix(4))),
                    createdAt: try row.instant("created_at"), createdBy: try row.string("created_by"),
                    isForgotten: try row.bool("forgotten"))
            }
        }
    }

    public func forgetSecret(scope: SecretScope, scopeId: String, name: String) async throws -> Int {
        let rows = try await query(
            """
            select forgotten, users[1]::text as run, cardinality(users)::bigint as runs
            from turnup.forget_secret($1, $2, $3)
            """, [.text(scope.rawValue), .text(scopeId), .text(name)], label: "forget secret")
        return try decoded {
            guard let row = rows.first else { return 0 }
            guard let user = try row.stringOrNil("run") else { return Int(try row.int("forgotten")) }
            let others = try row.int("runs") - 1
            throw StoreError(
                .notTaken,
                "\"\(name)\" is in use: run \(user)\(others > 0 ? " and \(others) more" : "") sent it under an idempotency key, "
                    + "and may have to send the same bytes again",
                hint: "A new value can be set meanwhile. Remove it when the run has gone on: turnup show \(user)",
                runId: user)
        }
    }
}

extension SealedSecret {
    fileprivate init(row: PostgresRow) throws {
        guard let scope = SecretScope(rawValue: try row.string("scope")),
            let fingerprint = Fingerprint(bytes: try row.bytes("fingerprint"))
        else { throw StoreError(.broken, "a secret's row cannot be read") }
        self.init(
            place: SecretPlace(
                scope: scope, scopeId: try row.string("scope_id"), name: try row.string("name"),
                version: Int(try row.int("version"))),
            keyId: try row.string("key_id"), nonce: try row.bytes("nonce"), ciphertext: try row.bytes("ciphertext"),
            fingerprint: fingerprint, length: Int(try row.int("length")))
    }
}
