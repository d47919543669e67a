import Postgres
public import WorkflowCore

extension PostgresStore {
    public func publish(_ definition: PublishedDefinition, keyParts: JSONValue, by actor: String) async throws
        -> PublishAnswer
    {
        let rows = try await query(
            """
            select turnup.publish($1, $2::integer, decode($3, 'hex'), $4, $5::json, $6::json, $7::json, $8) as is_new
            """,
            [
                .text(definition.workflow), .int(Int64(definition.version)), .text(definition.digest),
                .text(definition.source), .text(definition.canonical), .text(keyParts.serialized()),
                .text(definition.queueFacts.serialized()), .text(actor),
            ], label: "publish")
        if try decoded({ try one(rows).bool("is_new") }) { return .published }
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
            select workflow, version, encode(digest, 'hex') as digest, turnup.microseconds(published_at) as published_at
            from turnup.definition order by workflow, version
            """, readOnly: true, label: "list definitions")
        return try decoded {
            try rows.map { row in
                DefinitionSummary(
                    workflow: try row.string("workflow"), version: Int(try row.int("version")),
                    digest: try row.string("digest"), publishedAt: try row.instant("published_at"))
            }
        }
    }

    public func liveRunCounts() async throws -> [LiveRunCount] {
        // Reads only columns of the index on live and held runs, so that ended runs cost nothing, however many there
        // are.
        let rows = try await query(
            """
            select workflow, version, count(*) as runs from turnup.run where status in ('live', 'held')
            group by workflow, version order by workflow, version
            """, readOnly: true, label: "count live runs")
        return try decoded {
            try rows.map { row in
                LiveRunCount(
                    workflow: try row.string("workflow"), version: Int(try row.int("version")),
                    runs: Int(try row.int("runs")))
            }
        }
    }
}
