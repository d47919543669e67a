import Postgres
import WorkflowCore

extension PostgresStore {
    public func runs(_ filter: RunFilter) async throws -> [RunOverview] {
        if let after = filter.after, try await run(after) == nil {
            throw StoreError(.notFound, "there is no run \(after)")
        }
        let list = RunList(filter)
        let rows = try await query(list.sql, list.parameters, readOnly: true, label: "list runs")
        return try decoded { try rows.map { try RunOverview(row: $0) } }
    }
}

/// The statement for a list of runs, newest first. The order is that of the ids, which begin with the time at which the
/// run was made; so every index that ends with the id gives the runs in this order.
///
/// The statement holds only the conditions that the filter asks for: a plan that must suit all conditions reads the
/// whole table.
struct RunList {
    private(set) var sql = ""
    private(set) var parameters: [PostgresValue] = []
    private var conditions: [String] = []
    /// The column whose index gives the order; it has one value in the whole list.
    private var leading: String?

    init(_ filter: RunFilter) {
        // Every live run has a task. Live runs may be few and old: without their tasks, all newer runs would be read
        // first.
        let isNarrowed =
            filter.organisation != nil || filter.key != nil || filter.state != nil || filter.lastError != nil
            || filter.attemptId != nil || filter.isLeftBehind || filter.isDrifted
        let isFromTasks = (filter.status == .live || filter.service != nil) && !isNarrowed
        // The indexes of what may be left and of what has drifted are small and in the order of the ids, so no other one
        // need give the order.
        let mayLead =
            !isFromTasks && filter.key == nil && filter.attemptId == nil && !filter.isLeftBehind && !filter.isDrifted
        add("r.workflow = $", filter.workflow.map { .text($0) })
        addIndexed("r.organisation", filter.organisation, mayLead: mayLead)
        // Two indexes hold a part of the runs each. They are read first and alone, with exactly the conditions of the
        // indexes.
        add(
            """
            r.id = any(array(
              select k.id from turnup.run k where k.key = $ and k.owns_key
              union all select k.id from turnup.run k where k.key = $ and not k.owns_key))
            """, filter.key.map { .text($0) })
        addIndexed("r.last_error", filter.lastError, mayLead: mayLead)
        addIndexed("r.state", filter.state, mayLead: mayLead)
        // The statuses are written out, because the index covers only some of them.
        if let status = filter.status {
            if mayLead, leading == nil, [.held, .failed, .cancelled].contains(status) {
                addIndexed("r.status", status.rawValue, mayLead: true)
                conditions.append("r.status in ('held', 'failed', 'cancelled')")
            } else {
                conditions.append("r.status = '\(status.rawValue)'")
            }
        }
        // With exactly the condition of its index.
        if filter.isLeftBehind {
            conditions.append("r.may_be_left and r.status in ('succeeded', 'failed', 'cancelled', 'released')")
        }
        if filter.isDrifted { conditions.append("r.inspection = 'drifted'") }
        add("t.service = $", filter.service.map { .text($0) })
        add(
            "r.id = any(array(select run_id from turnup.event where type = 'attempt.started' and attempt_id = $))",
            filter.attemptId.map { .uuid(PostgresUUID($0)) })
        // An id of the caller's own may be 31 days older than its run, or an hour ahead of it.
        let time = "timestamptz 'epoch' + $::bigint * interval '1 microsecond'"
        add(
            "r.requested_at >= \(time) and r.id >= turnup.id_at(\(time) - interval '31 days')",
            filter.requestedSince.map { .int($0.microseconds) })
        add(
            "r.requested_at < \(time) and r.id < turnup.id_at(\(time) + interval '1 hour')",
            filter.requestedBefore.map { .int($0.microseconds) })
        add(isFromTasks ? "t.run_id < $" : "r.id < $", filter.after.map { .uuid(PostgresUUID($0)) })
        parameters.append(.int(Int64(max(0, filter.limit))))
        let filtered = conditions.isEmpty ? "" : " where " + conditions.joined(separator: " and ")
        let select = isFromTasks ? RunOverview.selectFromTasks : RunOverview.select
        let order = (leading.map { "\($0) desc, " } ?? "") + (isFromTasks ? "t.run_id" : "r.id") + " desc"
        sql = select + filtered + " order by \(order) limit $\(parameters.count)::bigint"
    }

    /// With an equality the planner could walk all newer runs by their ids in search of this value, however many they
    /// are. With a range, and in this order, only the column's own index will do.
    private mutating func addIndexed(_ column: String, _ value: String?, mayLead: Bool) {
        guard let value else { return }
        guard mayLead, leading == nil else { return add("\(column) = $", .text(value)) }
        leading = column
        add("\(column) >= $ and \(column) <= $", .text(value))
    }

    private mutating func add(_ condition: String, _ value: PostgresValue?) {
        guard let value else { return }
        parameters.append(value)
        conditions.append(condition.replacing("$", with: "$\(parameters.count)"))
    }
}
