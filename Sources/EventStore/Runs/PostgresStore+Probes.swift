import Postgres
public import WorkflowCore

/// What became of a wish for a probe. Only with the first was anything written.
public enum ProbeAnswer: Sendable, Equatable {
    case accepted(seq: Int64)
    /// The run has moved on since somebody looked at it, and has so many events now.
    case behind(seq: Int64)
    case mostOfRun
    case mostOfOrganisation
    case servicePaused(why: String)
}

extension PostgresStore {
    /// The newest event of a run's newest probe; nil: none was asked for.
    public func lastProbe(of runId: Identifier) async throws -> RecordedEvent? {
        let rows = try await query(
            """
            select seq, type, body, epoch, attempt_id, actor, turnup.microseconds(recorded_at) as recorded_at
            from turnup.event where run_id = $1 and body->>'probe' is not null and type <> 'secret.read'
            order by seq desc limit 1
            """, [.uuid(PostgresUUID(runId))], readOnly: true, label: "read the newest probe")
        return try decoded {
            try rows.first.map { row in
                RecordedEvent(
                    seq: try row.int("seq"), type: try row.string("type"), body: try row.object("body"),
                    epoch: try row.int("epoch"), attemptId: try row.uuidOrNil("attempt_id").map { Identifier($0) },
                    actor: try row.string("actor"), recordedAt: try row.instant("recorded_at"))
            }
        }
    }

    /// Writes that a probe is asked for, as `askingForProbe` says it; and, when it sends another run's key, a word of that
    /// into both histories.
    public func askForProbe(_ asked: NewEvent, of runId: Identifier, at seq: Int64, actor: String) async throws
        -> ProbeAnswer
    {
        func read(_ more: JSONObject) -> PostgresValue {
            var body: JSONObject = ["for": "probe"]
            for name in ["probe", "reason"] { body[name] = asked.body[name] }
            for name in ["name", "version", "fingerprint"] { body[name] = asked.body["key"]?[name] }
            for (name, value) in more.members { body[name] = value }
            return .text(JSONValue.object(body).serialized())
        }
        let rows = try await query(
            """
            select answer, seq, detail
            from turnup.ask_probe($1::uuid, $2::bigint, $3, $4, $5, $6, $7::integer, $8::integer)
            """,
            [
                .uuid(PostgresUUID(runId)), .int(seq), .text(JSONValue.object(asked.body).serialized()),
                read(["of_run": asked.body["of_run"] ?? .null]), read(["by_run": .string(runId.description)]),
                .text(actor), .int(Int64(ProbeDefinition.mostOfRun)), .int(Int64(ProbeDefinition.mostOfOrganisation)),
            ], label: "ask for a probe")
        return try decoded {
            let row = try one(rows)
            switch try row.string("answer") {
            case "accepted": return .accepted(seq: try row.int("seq"))
            case "most_of_run": return .mostOfRun
            case "most_of_organisation": return .mostOfOrganisation
            case "service_paused": return .servicePaused(why: try row.stringOrNil("detail") ?? "")
            default: return .behind(seq: try row.int("seq"))
            }
        }
    }
}
