import Postgres
import WorkflowCore

/// One verification under way: asks the SQL checks and the production fold, and counts.
struct VerifyPass {
    private(set) var tally = VerifyTally()
    /// Kept only when there is nobody to tell.
    private(set) var violations: Set<Violation> = []
    private let found: ((Violation) -> Void)?

    private static let straysAtOnce: Int64 = 5000

    init(found: ((Violation) -> Void)? = nil) { self.found = found }

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
        let secrets = try connection.querySync(
            "select run_id, code, seq, expected, actual from turnup.verify_secrets($1::uuid[])", parameters,
            readOnly: true, label: "verify: secrets")
        for row in secrets { take(try Violation(row: row)) }
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

    /// Sealed secrets of runs that do not exist. False when it was told to stop.
    mutating func checkStraySecrets(_ goesOn: (VerifyTally) -> Bool, _ connection: isolated PostgresConnection) throws
        -> Bool
    {
        var after: String?
        while true {
            let row = try connection.querySync(
                """
                select last, array_to_json(strays)::text as strays
                from turnup.verify_stray_secrets($1, $2::integer)
                """, [.optional(after), .int(Self.straysAtOnce)], readOnly: true, label: "verify: stray secrets"
            ).onlyRow()
            guard let last = try row.stringOrNil("last") else { return true }
            for stray in try JSONValue.parse(Array(try row.utf8("strays")), limits: .stored).arrayValue ?? [] {
                let name = stray.stringValue ?? ""
                take(
                    Violation(
                        .secretWithoutRun, run: Identifier(name), expected: "a run \(name)", actual: "sealed secrets"))
            }
            after = last
            guard goesOn(tally) else { return false }
        }
    }

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
