import WorkflowCore

/// The line of what a person decided about a run.
struct DecisionText {
    let event: RecordedEvent

    var text: String {
        let body = event.body
        let reason = body["reason"]?.stringValue ?? ""
        let target = (body["entered"] ?? body["state"])?.stringValue ?? "?"
        switch EventType(rawValue: event.type) {
        case .runReopened: return "reopened by \(event.actor) → \(target): \(reason)"
        case .runTakenOver:
            return "its key went to run \(body["by"]?.stringValue ?? "?"), by \(event.actor): \(reason)"
        case .releaseRequested:
            let states = (body["states"]?.arrayValue ?? []).compactMap(\.stringValue)
            let what = states.isEmpty ? "" : ", taking back what \(states.joined(separator: ", ")) made"
            let then = body["redo"]?.boolValue == true ? ", then started anew" : ""
            return "released by \(event.actor)\(what)\(then): \(reason)"
        case .inspectionRequested: return "\(event.actor) asked to inspect it: \(reason)"
        case .probeAsked: return probeAsked(reason)
        case .probeDropped: return "probe \(probe) was not sent: \(body["why"]?.stringValue ?? "")"
        case .secretRead: return secretRead(reason)
        case .redoStarted: return "run \(body["run"]?.stringValue ?? "?") follows it"
        case .redoRefused: return "no run follows it: \(reason)"
        default: break
        }
        let decided =
            switch body["choice"]?.stringValue.flatMap(HoldChoice.init) {
            case .adopt: "took what was found as ours"
            case .done: "says that it is done"
            case .retry: "has it tried again"
            case .retryAnyway where body["new_key"]?.boolValue == true: "has it sent under a new idempotency key"
            case .retryAnyway: "has it sent again although it may have worked"
            case .abandon: "gave it up"
            case nil: "decided"
            }
        let plain = (body["saved"]?.objectValue?.members ?? []).map { "\($0.name)=\(Timeline.plain($0.value))" }
        let sealed = (body["sealed"]?.arrayValue ?? []).compactMap { item -> String? in
            guard let name = item["name"]?.stringValue, let mark = item["fingerprint"]?.stringValue else { return nil }
            return "\(name) sealed (\(mark))"
        }
        let values = (plain + sealed).joined(separator: ", ")
        let way = body["entered"] == nil ? "" : " → \(target)"
        return "\(event.actor) \(decided)\(values.isEmpty ? "" : " with \(values)")\(way): \(reason)"
    }

    private var probe: String { event.body["probe"]?.stringValue ?? "?" }

    private func probeAsked(_ reason: String) -> String {
        let body = event.body
        let key =
            switch body["credential"]?.stringValue.flatMap(ProbeDefinition.Credential.init) {
            case .older:
                " with the key \(body["key"]?["fingerprint"]?.stringValue ?? "?") of run \(body["of_run"]?.stringValue ?? "?")"
            case .random: " with a key that is made up"
            case .current, nil: ""
            }
        return
            "\(event.actor) asked for probe \(probe), \(body["request"]?.stringValue ?? "a request")\(key): \(reason)"
    }

    private func secretRead(_ reason: String) -> String {
        let body = event.body
        let secret = "\(body["name"]?.stringValue ?? "a secret") (\(body["fingerprint"]?.stringValue ?? "?"))"
        let whose = body["of_run"]?.stringValue.map { " of run \($0)" } ?? ""
        let by = body["by_run"]?.stringValue.map { " of run \($0)" } ?? ""
        return "\(secret)\(whose) may be opened for probe \(probe)\(by), by \(event.actor): \(reason)"
    }
}
