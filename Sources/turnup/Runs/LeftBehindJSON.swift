import Diagnostics
import EventStore
import WorkflowCore

extension LeftBehind {
    /// For programs; secrets as fingerprints alone.
    var json: JSONValue {
        .object(
            JSONObject([
                ("state", .string(state)), ("request", .optional(request)),
                ("attempt", .optional(attemptId?.description)), ("certain", .bool(isCertain)),
                ("reason", .string(reason.rawValue)), ("error", .optional(error)), ("saved", .object(saved)),
                ("secrets", .fingerprints(sealed)), ("text", .string(LeftBehindText.line(self))),
            ]))
    }
}

extension TakenBack {
    /// For programs; secrets as fingerprints alone.
    var json: JSONValue {
        .object(
            JSONObject([
                ("state", .string(state)), ("request", .optional(request)),
                ("attempt", .string(attemptId.description)), ("certain", .bool(isCertain)),
                ("proof", .string(proof.rawValue)), ("saved", .object(saved)),
                ("secrets", .fingerprints(sealed)), ("text", .string(LeftBehindText.line(self))),
            ]))
    }
}

extension JSONValue {
    fileprivate static func fingerprints(_ sealed: [SealedReference]) -> JSONValue {
        .array(
            sealed.map { secret in
                .object(JSONObject([("name", .string(secret.name)), ("fingerprint", .string(secret.fingerprint))]))
            })
    }
}

extension Session {
    /// What a run has taken back, and what it may leave behind, as of this many events, and after one more that may not be written.
    func leftBehind(_ run: Identifier, upTo seq: Int64, then event: NewEvent? = nil) async throws -> LeftBehindFold {
        var fold = LeftBehindFold(run: run)
        let events = try await store.events(of: run, after: 0).filter { $0.seq <= seq }
        for stored in events { try fold.add(stored) }
        if let event, let last = events.last {
            try fold.add(
                RecordedEvent(
                    seq: last.seq + 1, type: event.type.rawValue, body: event.body, epoch: last.epoch, attemptId: nil,
                    actor: Session.actor, recordedAt: last.recordedAt))
        }
        return fold
    }
}
