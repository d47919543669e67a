import Postgres
import WorkflowCore

/// Bounds of what is read about a service.
public enum StatisticsBounds {
    /// So many keys, the newest: what a platform did long ago says little.
    public static let ages = 1000
    /// So many errors, and days.
    public static let errors = 10
    public static let days = 30
    static let repeatedKeys = 10
}

extension PostgresStore {
    /// The ages at which the newest keys of a service were accepted. Keys that are not, or not yet, count at the age up
    /// to which that is known: of live runs their age now.
    public func keyAges(service: String) async throws -> [KeyAge] {
        let rows = try await query(
            """
            with recorded as materialized (
              select f.run_id, f.workflow, f.key_name, f.key_at, f.refused_before_at, f.first_yes_at, f.last_refusal_at
              from turnup.fleet f where f.service = $1 and f.key_at is not null
              order by f.run_id desc limit \(StatisticsBounds.ages)
            ), live as materialized (
              select r.id, k.created_at
              from (select distinct workflow, key_name from recorded) as n
                join (
                  select q.id, q.workflow from turnup.task t join turnup.run q on q.id = t.run_id
                  where t.service = $1 and q.status = 'live' and q.last_error is not null limit \(StatisticsBounds.ages)
                ) as r on r.workflow = n.workflow
                cross join lateral (
                  select s.created_at from turnup.secret s
                  where s.scope = 'run' and s.scope_id = r.id::text and s.name = n.key_name
                  order by s.version limit 1) as k
            )
            select turnup.microseconds(coalesce(f.first_yes_at, f.last_refusal_at)) - turnup.microseconds(f.key_at) as age,
              f.first_yes_at is not null as is_active,
              coalesce(turnup.microseconds(f.refused_before_at) - turnup.microseconds(f.key_at), 0) as refused
            from recorded f
            where (f.first_yes_at is not null or f.last_refusal_at is not null)
              and not exists (select from live l where l.id = f.run_id)
            union all
            select turnup.microseconds(turnup.now()) - turnup.microseconds(l.created_at), false, 0 from live l
            """, [.text(service)], readOnly: true, label: "read the ages of keys")
        return try decoded {
            try rows.map { row in
                KeyAge(
                    milliseconds: max(0, try row.int("age") / 1000), isActive: try row.bool("is_active"),
                    refusedMilliseconds: max(0, try row.int("refused") / 1000))
            }
        }
    }

    /// All that the log shows of a service.
    public func statistics(service: String) async throws -> ServiceStatistics {
        let name = PostgresValue.text(service)
        let ordinals = try await query(
            """
            select f.ordinal > 1 as is_later, count(*) as keys, count(f.first_yes_at) as accepted,
              count(*) filter (where f.first_yes_at is not null and f.refused_before_at is not null) as late,
              count(*) filter (where f.first_yes_at is null and f.last_refusal_at is not null) as refused
            from turnup.fleet f where f.service = $1 and f.key_at is not null group by 1 order by 1
            """, [name], readOnly: true, label: "count keys by ordinal")
        let clock = try await query(
            """
            select count(*) as count, min(c.clock)::bigint as least, max(c.clock)::bigint as most,
              percentile_disc(0.5) within group (order by c.clock)::bigint as median
            from (
              select f.clock_milliseconds as clock from turnup.fleet f
              where f.service = $1 and f.key_at is not null and f.clock_milliseconds is not null
              order by f.run_id desc limit \(StatisticsBounds.ages)) as c
            """, [name], readOnly: true, label: "read the service's clock")
        let repeated = try await query(
            """
            with groups as (
              select f.key_fingerprint, count(*) as runs, count(distinct f.organisation) as organisations,
                (array_agg(f.run_id order by f.run_id desc))[1] as example
              from turnup.fleet f
              where f.service = $1 and f.key_at is not null and f.key_fingerprint in (
                select g.key_fingerprint from turnup.fleet g where g.service = $1 and g.key_at is not null
                group by g.key_fingerprint having count(*) > 1)
              group by f.key_fingerprint)
            select encode(substr(g.key_fingerprint, 1, 4), 'hex') as fingerprint, g.runs, g.organisations, g.example,
              count(*) over () as total
            from groups g order by g.runs desc, g.example desc limit \(StatisticsBounds.repeatedKeys)
            """, [name], readOnly: true, label: "look for repeated keys")
        let errors = try await errors(service: service)
        let ages = try await keyAges(service: service)
        return try decoded {
            let clockRow = try one(clock)
            return ServiceStatistics(
                service: service,
                ordinals: try ordinals.map { row in
                    ServiceStatistics.Ordinal(
                        isLater: try row.bool("is_later"), keys: Int(try row.int("keys")),
                        accepted: Int(try row.int("accepted")), late: Int(try row.int("late")),
                        refused: Int(try row.int("refused")))
                },
                errors: errors,
                clock: try clockRow.intOrNil("median").map { median in
                    ServiceStatistics.Clock(
                        count: Int(try clockRow.int("count")), leastMilliseconds: try clockRow.int("least"),
                        medianMilliseconds: median, mostMilliseconds: try clockRow.int("most"))
                },
                repeatedKeys: try repeated.map { row in
                    ServiceStatistics.RepeatedKey(
                        fingerprint: try row.string("fingerprint"), runs: Int(try row.int("runs")),
                        organisations: Int(try row.int("organisations")), example: try row.identifier("example"))
                },
                repeatedKeyCount: try repeated.first.map { Int(try $0.int("total")) } ?? 0, ages: ages)
        }
    }

    private func errors(service: String) async throws -> [ServiceStatistics.ErrorSignature] {
        let rows = try await query(
            """
            with days as materialized (
              select e.day, e.error, sum(e.count) as count, count(*) as runs from turnup.fleet_error e
              where e.service = $1
                and e.day > (turnup.now() at time zone 'UTC')::date - \(StatisticsBounds.days)
              group by e.day, e.error),
            most as (
              select d.error, sum(d.count)::bigint as count, sum(d.runs)::bigint as runs from days d
              group by d.error order by sum(d.count) desc, d.error limit \(StatisticsBounds.errors))
            select m.error, m.count, m.runs, d.day::text as day, d.count::bigint as day_count
            from most m join days d on d.error = m.error order by m.count desc, m.error, d.day
            """, [.text(service)], readOnly: true, label: "count errors by day")
        return try decoded {
            var found: [(error: String, count: Int, runs: Int, days: [ServiceStatistics.ErrorSignature.Day])] = []
            for row in rows {
                let error = try row.string("error")
                if found.last?.error != error {
                    found.append((error, Int(try row.int("count")), Int(try row.int("runs")), []))
                }
                found[found.count - 1].days.append(
                    ServiceStatistics.ErrorSignature.Day(
                        day: try row.string("day"), count: Int(try row.int("day_count"))))
            }
            return found.map { item in
                ServiceStatistics.ErrorSignature(
                    error: item.error, count: item.count, runs: item.runs, firstDay: item.days.first?.day ?? "",
                    lastDay: item.days.last?.day ?? "", days: item.days)
            }
        }
    }
}
