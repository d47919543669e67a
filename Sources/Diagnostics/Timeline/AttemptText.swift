import WorkflowCore

/// The line of an attempt's outcome: answer, error, evidence, what was learned, what comes next.
struct AttemptText {
    let event: RecordedEvent
    let nextTry: Instant?
    let clock: ClockText
    /// Whether the path that was sent differs from the one of the intent.
    var showsPath = false

    private var body: JSONObject { event.body }
    private var evidence: JSONObject { body["evidence"]?.objectValue ?? JSONObject() }

    var text: String {
        var parts = [answer + path]
        if let keys = credentials { parts.append(keys) }
        if let found = body["found"]?.integerValue { parts.append(lookUpText(found)) }
        if let gone { parts.append(gone) }
        if let learned { parts.append(learned) }
        if let said { parts.append(said) }
        if let verdict = body["inspected"]?.stringValue { parts.append("inspected: \(verdict)") }
        if let next { parts.append(next) }
        return parts.joined(separator: "; ")
    }

    private var answer: String {
        var text =
            switch EventType(rawValue: event.type) {
            case .attemptDone: "done"
            case .attemptNotDone: "not done"
            case .attemptUnknown: "outcome unknown"
            case .attemptSettled where body["outcome"] == "done": "settled by its late answer, done"
            case .attemptSettled: "settled by its late answer, not done"
            default: "late answer, kept as evidence"
            }
        if let status = evidence["status"]?.integerValue { text += ": \(status)" }
        if let error = body["error"]?.stringValue { text += evidence["status"] == nil ? ": \(error)" : " \(error)" }
        if let excerpt = refusal { text += " \(excerpt)" }
        if let detail = evidence["detail"]?.stringValue { text += " (\(detail))" }
        if let total = evidence["phases"]?["total_milliseconds"]?.integerValue {
            text += " in \(Phrases.span(milliseconds: total))"
        }
        if body["counted"]?.boolValue == false { text += ", not counted" }
        return text
    }

    private var path: String {
        guard showsPath, let url = evidence["url"]?.stringValue, let scheme = url.firstRange(of: "://") else {
            return ""
        }
        return " from \(url[scheme.upperBound...].drop { $0 != "/" })"
    }

    /// What a success says of itself beside what was saved: its status, a code, a reason.
    private var said: String? {
        guard event.type == EventType.attemptDone.rawValue, let object = evidence["body"]?.objectValue else {
            return nil
        }
        let saved = (body["saved"]?.objectValue?.members ?? []).map(\.value)
        let words = object.members.filter { member in
            (Self.wordNames.contains(member.name) || member.name.hasPrefix("error")) && !saved.contains(member.value)
                && (member.value.stringValue != nil || member.value.integerValue != nil)
        }
        return words.isEmpty
            ? nil : "says " + words.map { "\($0.name)=\(Timeline.plain($0.value))" }.joined(separator: ", ")
    }

    private static let wordNames: Set<String> = ["status", "code", "type", "message", "reason", "detail"]

    /// A refusal's own words; an answer that was taken is shown by what was saved from it.
    private var refusal: String? {
        guard event.type != EventType.attemptDone.rawValue, let excerpt = evidence["body"] else { return nil }
        let text = Timeline.plain(excerpt)
        guard !text.isEmpty else { return nil }
        let short = text.unicodeScalars.count > 160
        return short ? String(String.UnicodeScalarView(text.unicodeScalars.prefix(160))) + "…" : text
    }

    private var credentials: String? {
        let used = (evidence["credentials_used"]?.arrayValue ?? []).compactMap { item -> String? in
            guard let name = item["name"]?.stringValue, let mark = item["fingerprint"]?.stringValue else { return nil }
            let age = item["age_milliseconds"]?.integerValue.map { ", \(Phrases.span(milliseconds: $0)) old" } ?? ""
            return "\(name) \(mark)\(age)"
        }
        return used.isEmpty ? nil : "used \(used.joined(separator: ", "))"
    }

    private var learned: String? {
        let plain = (body["saved"]?.objectValue?.members ?? []).map { "\($0.name)=\(Timeline.plain($0.value))" }
        let sealed = (body["sealed"]?.arrayValue ?? []).compactMap { item -> String? in
            guard let name = item["name"]?.stringValue, let mark = item["fingerprint"]?.stringValue else { return nil }
            return "\(name) sealed (\(mark))"
        }
        let all = plain + sealed + (whose.map { [$0] } ?? [])
        return all.isEmpty ? nil : all.joined(separator: ", ")
    }

    /// What tells that the thing is not the run's own.
    private var whose: String? {
        if let other = body["held_by"]?.stringValue { return "what it names belongs to run \(other)" }
        if body["found"] == nil, body["made"]?.boolValue == false { return "adopted: it was there before" }
        return body["nameless"]?.boolValue == true
            ? "the answer gives no name for the thing, so nothing is compared" : nil
    }

    private func lookUpText(_ found: Int64) -> String {
        let what =
            switch body["settled"]?.stringValue {
            case "adopt" where body["made"]?.boolValue == false: ": adopted, though it may have been there before"
            case "adopt": ": it is ours"
            case "replace": ": it is taken back and made anew"
            case "resend": ": the request is sent again"
            default: body["inconclusive"]?.stringValue.map { ", which proves nothing: \($0)" } ?? ""
            }
        let page = body["page"]?["number"]?.integerValue.map { ", on to page \($0)" } ?? ""
        return "found \(found)\(what)\(page)"
    }

    /// What the attempt shows of a thing that is taken back.
    private var gone: String? {
        switch body["gone"]?.stringValue.flatMap(GoneProof.init) {
        case .seen: "seen to be gone"
        case .word: "taken back on the platform's word"
        case .notGone: "not gone"
        case nil: nil
        }
    }

    private var next: String? {
        if let span = body["look_up_after_milliseconds"]?.integerValue {
            return "looks it up in \(Phrases.span(milliseconds: span))"
        }
        if let span = body["gone_after_milliseconds"]?.integerValue {
            return "looks in \(Phrases.span(milliseconds: span)) whether it is gone"
        }
        if let span = body["look_again_milliseconds"]?.integerValue {
            return "looks again in \(Phrases.span(milliseconds: span))"
        }
        if let span = body["wait_milliseconds"]?.integerValue, let count = body["successes"]?.integerValue {
            return "success \(count) in a row, asks again in \(Phrases.span(milliseconds: span))"
        }
        if let entered = body["entered"]?.stringValue {
            return body["gave_up"]?.stringValue.map { "→ \(entered): \($0)" } ?? "→ \(entered)"
        }
        guard let nextTry, let retry = body["retry"]?.objectValue else { return nil }
        let delay = retry["delay_milliseconds"]?.integerValue ?? 0
        let asked = retry["retry_after_milliseconds"] == nil ? "" : ", as the platform asked"
        if retry["policy"]?.stringValue == "service" {
            // The service's pause, which all runs share, may move it further.
            return "waits for the service, until \(clock.time(nextTry)) at least\(asked); costs no attempt"
        }
        var why = "policy \(retry["policy"]?.stringValue ?? "?")"
        if let number = retry["number"]?.integerValue { why += ", retry \(number)" }
        if let quantile = retry["learned"]?["quantile"]?.stringValue,
            let age = retry["learned"]?["milliseconds"]?.integerValue
        {
            let count = retry["learned"]?["activations"]?.integerValue ?? 0
            why += ", placed at \(quantile) of \(count) activations, \(Phrases.span(milliseconds: age))"
        }
        why += asked
        return "next try at \(clock.time(nextTry)), in \(Phrases.span(milliseconds: delay)) (\(why))"
    }
}
