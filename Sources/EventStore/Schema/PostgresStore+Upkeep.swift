import Postgres
public import WorkflowCore

extension PostgresStore {
    /// Makes the partitions of coming months; answers the names of new ones.
    public func makePartitions() async throws -> [String] {
        let rows = try await query("select turnup.make_partitions() as name", label: "make partitions")
        return try decoded { try rows.map { try $0.string("name") } }
    }

    /// Checks some of the lines' organisations, and puts an organisation back into its line when no claim would find
    /// its tasks.
    public func repairLines(after place: LinePlace?, organisations: Int = 10_000) async throws -> LineRepair {
        let rows = try await query(
            "select * from turnup.repair_lines($1, $2, $3::integer)",
            [
                .optional(place?.service), .optional(place?.organisation),
                .int(Int64(min(max(1, organisations), 1_000_000))),
            ], label: "repair lines")
        return try decoded {
            let row = try one(rows)
            let service = try row.stringOrNil("last_service")
            let organisation = try row.stringOrNil("last_organisation")
            return LineRepair(
                repaired: Int(clamping: try row.int("repaired")),
                run: try row.uuidOrNil("example_run").map { Identifier($0) },
                line: try row.stringOrNil("example_line"), found: try row.stringOrNil("example_found"),
                last: service.flatMap { service in
                    organisation.map { LinePlace(service: service, organisation: $0) }
                })
        }
    }
}

/// What a repair of lines came to.
public struct LineRepair: Sendable, Equatable {
    public let repaired: Int
    /// One run of them, its line, and what was found there.
    public let run: Identifier?
    public let line: String?
    public let found: String?
    /// Where the next repair goes on; nil: at the beginning.
    public let last: LinePlace?
}
