import Diagnostics
import EventStore
import WorkflowCore

/// A verdict for people.
enum VerdictPage {
    static func text(_ run: RunOverview, _ verdict: Verdict, clock: ClockText = ClockText()) -> String {
        var lines = [
            "run           \(DiagnoseTexts.run(run))", "verdict       \(verdict.sentence)",
            "confidence    \(DiagnoseTexts.confidence(verdict))",
        ]
        lines += items("for it", verdict.supporting, run)
        lines += items("against it", verdict.contradicting, run)
        lines += items("missing", verdict.missing, run)
        if let time = verdict.decidedAt {
            lines.append("known more    \(DiagnoseTexts.earliest("\(clock.dateAndTime(time)) \(clock.zoneName)"))")
        }
        if let probe = verdict.probe {
            lines.append("next probe    \(probe.probe.rawValue): \(probe.text)")
            if let command = probe.command { lines.append("              $ \(command)") }
        }
        if let action = verdict.action {
            lines.append("action        \(action.text)")
            lines += action.commands.map { "              $ \($0)" }
        }
        return lines.map(Table.visible).joined(separator: "\n")
    }

    private static func items(_ title: String, _ items: [Verdict.Item], _ run: RunOverview) -> [String] {
        items.enumerated().map { index, item in
            let name = index == 0 ? title : ""
            return name + String(repeating: " ", count: 14 - name.count) + item.text + place(item, run)
        }
    }

    /// `(#6, #8)` of this run; another one is named.
    private static func place(_ item: Verdict.Item, _ run: RunOverview) -> String {
        let events = item.events.map { "#\($0)" }.joined(separator: ", ")
        guard let other = item.run, other != run.id else { return events.isEmpty ? "" : " (\(events))" }
        return " (run \(other)\(events.isEmpty ? "" : " \(events)"))"
    }
}

/// A verdict for programs. Codes, confidences and probes are stable; the sentences are not.
enum VerdictJSON {
    /// `probe`, `answer`: of a probe that was asked for with it.
    static func line(
        _ run: RunOverview, _ verdict: Verdict, probe: String? = nil, answer: ProbeRun.Answer? = nil
    ) -> String {
        JSONText.object(members(run, verdict) + (probe.map { [("probed", probed($0, answer))] } ?? []))
    }

    private static func probed(_ name: String, _ answer: ProbeRun.Answer?) -> JSONValue {
        let event = answer?.event
        return .object(
            JSONObject([
                ("name", .string(name)), ("event", event.map { .integer($0.seq) } ?? .null),
                ("type", .optional(event?.type)), ("status", event?.body["evidence"]?["status"] ?? .null),
                ("error", event?.body["error"] ?? .null), ("why", event?.body["why"] ?? .null),
            ]))
    }

    private static func members(_ run: RunOverview, _ verdict: Verdict) -> [(String, JSONValue)] {
        [
            ("run", .string(run.id.description)), ("organisation", .string(run.organisation)),
            ("key", .string(run.key)), ("status", .string(run.status.rawValue)),
            ("code", .string(verdict.code.rawValue)), ("confidence", .string(verdict.confidence.rawValue)),
            ("rivals", .array(verdict.rivals.map { .string($0.rawValue) })), ("sentence", .string(verdict.sentence)),
            ("supporting", items(verdict.supporting)), ("contradicting", items(verdict.contradicting)),
            ("missing", items(verdict.missing)), ("decided_at", .time(verdict.decidedAt)),
            (
                "probe",
                verdict.probe.map {
                    .object(
                        JSONObject([
                            ("name", .string($0.probe.rawValue)), ("text", .string($0.text)),
                            ("declared", .optional($0.declared)), ("command", .optional($0.command)),
                        ]))
                } ?? .null
            ),
            (
                "action",
                verdict.action.map {
                    .object(
                        JSONObject([
                            ("text", .string($0.text)), ("commands", .array($0.commands.map { .string($0) })),
                        ]))
                } ?? .null
            ),
        ]
    }

    private static func items(_ items: [Verdict.Item]) -> JSONValue {
        .array(
            items.map { item in
                .object(
                    JSONObject([
                        ("text", .string(item.text)), ("run", .optional(item.run?.description)),
                        ("events", .array(item.events.map { .integer($0) })),
                    ]))
            })
    }
}
