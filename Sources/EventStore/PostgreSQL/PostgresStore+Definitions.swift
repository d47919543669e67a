import Postgres
public import WorkflowCore

extension PostgresStore {
    public func publish(_ definition: PublishedDefinition, keyParts: JSONValue, by actor: String) async throws
        -> PublishAnswer
    {
        let inserted = try await query(
            """
            insert into turnup.definition
              (workflow, version, digest, source, canonical, key_parts, published_at, published_by)
            values ($1, $2::integer, decode($3, 'hex'), $4, $5::json, $6::json, turnup.now(), $7)
            on conflict (workflow, version) do nothing
            """,
            [
                .text(definition.workflow), .int(Int64(definition.version)), .text(definition.digest),
                .text(definition.source), .text(definition.canonical), .text(keyParts.serialized()), .text(actor),
            ], label: "publish")
        if inserted.affectedRows == 1 { return .published }
        let there = try await self.definition(workflow: definition.workflow, version: definition.version)
        guard there?.digest == definition.digest else {
            let live = try await query(
                """
                select count(*) as live from turnup.run
                where workflow = $1 and version = $2 and status in ('live', 'held')
                """, [.text(definition.workflow), .int(Int64(definition.version))], readOnly: true, label: "live runs")
            let count = try decoded { try one(live).int("live") }
            throw StoreError(
                .alreadyPublished,
                "version \(definition.version) of \(definition.workflow) is already published with other content "
                    + "(\(count) live runs use it)",
                hint: "Set version: \(definition.version + 1).")
        }
        return .unchanged
    }

    public func definition(workflow: String, version: Int?) async throws -> PublishedDefinition? {
        let rows = try await query(
            """
            select workflow, version, encode(digest, 'hex') as digest, source, canonical from turnup.definition
            where workflow = $1 and ($2::bigint is null or version = $2) order by version desc limit 1
            """, [.text(workflow), .optional(version.map { Int64($0) })], readOnly: true, label: "read definition")
        return try decoded {
            try rows.first.map { row in
                PublishedDefinition(
                    workflow: try row.string("workflow"), version: Int(try row.int("version")),
                    digest: try row.string("digest"), source: try row.string("source"),
                    canonical: try row.string("canonical"))
            }
        }
    }

    public func definitions() async throws -> [DefinitionSummary] {
        let rows = try await query(
            """
            select d.workflow, d.version, encode(d.digest, 'hex') as digest,
              turnup.microseconds(d.published_at) as published_at,
              count(r.id) filter (where r.status in ('live', 'held')) as live, count(r.id) as everything
            from turnup.definition d left join turnup.run r on r.workflow = d.workflow and r.version = d.version
            group by d.workflow, d.version order by d.workflow, d.version
            """, readOnly: true, label: "list definitions")
        return try decoded {
            try rows.map { row in
                DefinitionSummary(
                    workflow: try row.string("workflow"), version: Int(try row.int("version")),
                    digest: try row.string("digest"), publishedAt: try row.instant("published_at"),
                    liveRuns: Int(try row.int("live")), allRuns: Int(try row.int("everything")))
            }
        }
    }
}
