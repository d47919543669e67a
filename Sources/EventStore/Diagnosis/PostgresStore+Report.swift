import Postgres
public import WorkflowCore

extension PostgresStore {
    /// What ended since that time, and what is held now.
    public func report(since: Instant) async throws -> FleetReport {
        // One name for the reason in all parts: the verdict; of a held run the code of the hold.
        let recent = """
            with recent as materialized (
              select f.run_id, f.status, f.service, f.organisation, f.retries, f.ended_at, f.confidence,
                coalesce(f.verdict, 'held_' || f.hold, 'not_judged') as verdict
              from turnup.fleet f
              where f.ended_at >= timestamptz 'epoch' + $1::bigint * interval '1 microsecond' or f.status = 'held')
            """
        let time = PostgresValue.int(since.microseconds)
        let statuses = try await query(
            recent + " select status, count(*) as runs from recent group by status order by count(*) desc, status",
            [time], readOnly: true, label: "count ends")
        let failures = try await query(
            recent + """

                select verdict, confidence, service, organisation, count(*) as runs,
                  (array_agg(run_id order by run_id desc))[1] as newest
                from recent where status in ('failed', 'cancelled', 'held')
                group by verdict, confidence, service, organisation
                order by count(*) desc, verdict, service, organisation limit 100
                """, [time], readOnly: true, label: "group failures")
        let days = try await query(
            recent + """

                select ((ended_at at time zone 'UTC')::date)::text as day, verdict, count(*) as runs
                from recent where ended_at is not null group by 1, 2 order by 1, 2
                """, [time], readOnly: true, label: "count verdicts by day")
        let retries = try await query(
            recent + """

                select least(retries, \(FleetReport.Retries.most))::bigint as retries, count(*) as runs
                from recent group by 1 order by 1
                """, [time], readOnly: true, label: "count retries")
        let names = try await query(
            recent + """

                select service from recent where service is not null group by service order by count(*) desc, service limit 5
                """, [time], readOnly: true, label: "list the report's services")
        var services: [FleetReport.Service] = []
        for name in try decoded({ try names.map { try $0.string("service") } }) {
            services.append(FleetReport.Service(name: name, ages: try await keyAges(service: name)))
        }
        let unread = try await query(
            "select count(*) as runs from turnup.run where news is not null", readOnly: true, label: "count unread runs"
        )
        let now = try await now()
        return try decoded {
            FleetReport(
                since: since, now: now,
                statuses: try statuses.map { row in
                    (RunStatus(rawValue: try row.string("status")) ?? .live, Int(try row.int("runs")))
                },
                failures: try failures.map { row in
                    FleetReport.Failure(
                        verdict: try row.string("verdict"), confidence: try row.stringOrNil("confidence"),
                        service: try row.stringOrNil("service"), organisation: try row.string("organisation"),
                        runs: Int(try row.int("runs")), newest: try row.identifier("newest"))
                },
                days: try days.map { row in
                    FleetReport.Day(
                        day: try row.string("day"), verdict: try row.string("verdict"), runs: Int(try row.int("runs")))
                },
                retries: try retries.map { row in
                    FleetReport.Retries(retries: Int(try row.int("retries")), runs: Int(try row.int("runs")))
                }, services: services, unread: Int(try one(unread).int("runs")))
        }
    }
}
