import Postgres
import WorkflowCore

/// One verification under way: asks the SQL checks and the production fold, and counts.
struct VerifyPass: Sendable {
    private(set) var tally = VerifyTally()
    /// Kept only when no caller receives them.
    private(set) var violations: Set<Violation> = []
    private let found: (@Sendable (Violation) -> Void)?

    private static let straysAtOnce: Int64 = 5000
    private static let linesAtOnce: Int64 = 5000

    init(found: (@Sendable (Violation) -> Void)? = nil) { self.found = found }

    var stopped: VerifyTally {
        var partial = tally
        partial.isPartial = true
        return partial
    }

    mutating func checkInstallation(_ connection: isolated PostgresConnection) throws {
        let rows = try connection.querySync(
            "select null::uuid as run_id, code, null::bigint as seq, expected, actual from turnup.verify_installation()",
            readOnly: true, label: "verify: installation")
        for row in rows { take(try Violation(row: row)) }
    }

    mutating func check(_ page: [SizedRun], _ connection: isolated PostgresConnection) throws {
        guard !page.isEmpty else { return }
        let ids = page.map(\.id)
        let parameters: [PostgresValue] = [.uuidArray(ids.map { PostgresUUID($0) })]
        var folds: [Identifier: JSONObject] = [:]
        let streams = try connection.querySync(
            "select run_id, code, seq, expected, actual from turnup.verify_streams($1::uuid[])", parameters,
            readOnly: true, label: "verify: streams")
        for row in streams {
            if try row.string("code") == "fold" {
                folds[try row.identifier("run_id")] = try row.object("actual")
            } else {
                take(try Violation(row: row))
            }
        }
        try checkQueue(ids, connection)
        for function in ["verify_secrets", "verify_things"] {
            let rows = try connection.querySync(
                "select run_id, code, seq, expected, actual from turnup.\(function)($1::uuid[])", parameters,
                readOnly: true, label: "verify: \(function)")
            for row in rows { take(try Violation(row: row)) }
        }
        var production = ProductionCheck(folds: folds)
        for violation in try production.check(page, connection) { take(violation) }
        tally.runs += production.runs
        tally.events += production.events
    }

    mutating func checkQueue(_ ids: [Identifier], _ connection: isolated PostgresConnection) throws {
        guard !ids.isEmpty else { return }
        let rows = try connection.querySync(
            "select run_id, code, null::bigint as seq, expected, actual from turnup.verify_queue($1::uuid[])",
            [.uuidArray(ids.map { PostgresUUID($0) })], readOnly: true, label: "verify: queue")
        for row in rows { take(try Violation(row: row)) }
    }

    /// The lines of the tasks of these runs.
    mutating func checkLines(of ids: [Identifier], _ connection: isolated PostgresConnection) throws {
        let row = try connection.querySync(
            """
            select json_agg(json_build_object(
              'run', l.run_id, 'service', l.service, 'organisation', l.organisation, 'due', l.due,
              'found', l.found))::text as lost
            from (
                select array_agg(p.service) as services, array_agg(p.organisation) as organisations
                from (select distinct t.service, t.organisation from turnup.task t where t.run_id = any($1)) as p) as p
              cross join lateral turnup.lost_lines(p.services, p.organisations) as l
            """, [.uuidArray(ids.map { PostgresUUID($0) })], readOnly: true, label: "verify: lines"
        ).onlyRow()
        try takeLost(row)
    }

    /// Checks the next places in the lines of tasks, after a given one; returns the last place, nil at the end.
    mutating func checkLines(after place: LinePlace?, _ connection: isolated PostgresConnection) throws -> LinePlace? {
        let row = try connection.querySync(
            """
            select lines, last_service, last_organisation, lost::text as lost
            from turnup.verify_lines($1, $2, $3::integer)
            """, [.optional(place?.service), .optional(place?.organisation), .int(Self.linesAtOnce)], readOnly: true,
            label: "verify: lines"
        ).onlyRow()
        try takeLost(row)
        guard try row.int("lines") == Self.linesAtOnce else { return nil }
        return LinePlace(service: try row.string("last_service"), organisation: try row.string("last_organisation"))
    }

    private mutating func takeLost(_ row: PostgresRow) throws {
        guard let lost = try row.utf8OrNil("lost") else { return }
        for item in try JSONValue.parse(Array(lost), limits: .stored).arrayValue ?? [] {
            func text(_ name: String) -> String { item[name]?.stringValue ?? "" }
            let service = text("service").isEmpty ? "no service" : "\"\(text("service"))\""
            take(
                Violation(
                    .lineLost, run: Identifier(text("run")),
                    expected: "organisation \"\(text("organisation"))\" in the line of \(service) at \(text("due"))",
                    actual: text("found")))
        }
    }

    /// Sealed secrets of runs that do not exist. The last one looked at; nil at the end.
    mutating func checkStraySecrets(after: String?, _ connection: isolated PostgresConnection) throws -> String? {
        let row = try connection.querySync(
            """
            select last, array_to_json(strays)::text as strays
            from turnup.verify_stray_secrets($1, $2::integer)
            """, [.optional(after), .int(Self.straysAtOnce)], readOnly: true, label: "verify: stray secrets"
        ).onlyRow()
        guard let last = try row.stringOrNil("last") else { return nil }
        for stray in try JSONValue.parse(Array(try row.utf8("strays")), limits: .stored).arrayValue ?? [] {
            let name = stray.stringValue ?? ""
            take(
                Violation(
                    .secretWithoutRun, run: Identifier(name), expected: "a run \(name)", actual: "sealed secrets"))
        }
        return last
    }

    mutating func reached(_ run: Identifier) { tally.after = run }

    private mutating func take(_ violation: Violation) {
        if let found {
            tally.count(violation)
            found(violation)
        } else if violations.insert(violation).inserted {
            tally.count(violation)
        }
    }
}

extension Violation {
    init(row: PostgresRow) throws {
        let name = try row.string("code")
        guard let code = ViolationCode(rawValue: name) else {
            throw StoreError(
                .newerSchema, "the database reports \"\(name)\", which this turnup does not know",
                hint: "It was migrated by a newer turnup. Install that version here.")
        }
        self.init(
            code, run: try row.uuidOrNil("run_id").map { Identifier($0) }, seq: try row.intOrNil("seq"),
            expected: try row.stringOrNil("expected"), actual: try row.stringOrNil("actual"))
    }
}
