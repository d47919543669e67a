import Diagnostics
import EventStore
import WorkflowCore

/// A run for programs. The names are the columns' names.
enum RunJSON {
    static func line(
        _ run: RunOverview, now: Instant, service: ServiceRecord? = nil, wait: RunWait? = nil
    ) -> String {
        JSONText.object(members(run, now: now, service: service, wait: wait))
    }

    /// With what the run has saved, secrets as fingerprints alone, and what a person may do about it; nil: not known.
    static func line(
        _ run: RunOverview, _ state: RunState, _ choices: [OperatorChoices.Choice]?, now: Instant,
        service: ServiceRecord?,
        wait: RunWait?, forecast: Forecast?, left: LeftBehindFold, others: [Identifier], probe: RecordedEvent? = nil
    ) -> String {
        let secrets = state.secrets.map { secret in
            JSONValue.object(
                JSONObject([
                    ("name", .string(secret.reference.name)), ("version", .integer(secret.reference.version)),
                    ("fingerprint", .string(secret.reference.fingerprint)), ("sealed_at", .time(secret.sealedAt)),
                ]))
        }
        return JSONText.object(
            members(run, now: now, service: service, wait: wait) + [
                ("forecast", .optional(forecast?.text)), ("adopted", .bool(state.isAdopted)),
                ("data", .object(state.data)), ("secrets", .array(secrets)),
                ("hold", state.hold.map(json) ?? .null),
                ("inspected_at", .time(state.inspection?.lastAt)),
                ("inspection_why", .optional(state.inspection?.why)),
                ("inspection_since", .time(state.inspection?.since)),
                ("taken_back", .array(left.takenBack.map(\.json))),
                ("left_behind", .array(left.items.map(\.json))), ("key_with", .optional(state.keyWith)),
                ("left_by", .array(others.map { .string($0.description) })),
                ("probe", probe.map(ProbeLine.json) ?? .null),
                ("choices", choices.map { .array($0.map(\.json)) } ?? .null),
            ])
    }

    /// Why it is held, and what was found over there.
    private static func json(_ hold: Hold) -> JSONValue {
        .object(
            JSONObject([
                ("code", .string(hold.code)), ("since", .time(hold.since)),
                ("found", .array(hold.candidates.map { .object($0) })),
            ]))
    }

    private static func members(
        _ run: RunOverview, now: Instant, service: ServiceRecord?, wait: RunWait?
    ) -> [(String, JSONValue)] {
        [
            ("run", .string(run.id.description)), ("workflow", .string(run.workflow)),
            ("version", .integer(run.version)), ("organisation", .string(run.organisation)),
            ("key", .string(run.key)), ("state", .string(run.state)), ("status", .string(run.status.rawValue)),
            ("reason", .optional(run.reason)), ("error", .optional(run.lastError)),
            ("may_be_left", .bool(run.mayBeLeft)), ("inspection", .optional(run.inspection?.rawValue)),
            ("seq", .integer(run.seq)),
            ("requested_at", .time(run.requestedAt)),
            ("changed_at", .time(run.changedAt)), ("ended_at", .time(run.endedAt)), ("due", .time(run.task?.due)),
            ("service", .optional(run.task?.service)),
            ("lease_owner", .optional(run.task?.leaseOwner)),
            (
                "why",
                json(Explanation.why(run, now: now, service: service, wait: wait, clock: ClockText(isUTC: true)), wait)
            ),
        ]
    }

    private static func json(_ why: Why, _ wait: RunWait?) -> JSONValue {
        var members: [(String, JSONValue)] = [
            ("code", .string(why.code)), ("subject", .optional(why.subject)), ("since", .time(why.since)),
            ("until", .time(why.until)), ("detail", .string(why.detail)),
        ]
        if let wait {
            members += [
                ("before", .integer(min(wait.before, RunWait.most))),
                ("before_is_more", .bool(wait.before > RunWait.most)),
                ("about", .time(wait.about)),
            ]
        }
        return .object(JSONObject(members))
    }
}
