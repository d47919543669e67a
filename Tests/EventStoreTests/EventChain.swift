import Vault
import WorkflowCore

/// The hash of an event, as `turnup.event_hash` makes it.
enum EventChain {
    /// What stands before a run's first event.
    static let first = [UInt8](repeating: 0, count: 32)

    static func hash(
        after previous: [UInt8], run: Identifier, _ event: RecordedEvent, bodyText: String
    ) -> [UInt8] {
        var bytes = previous
        append(run, to: &bytes)
        for number in [event.seq, event.recordedAt.microseconds, event.epoch] {
            withUnsafeBytes(of: number.bigEndian) { bytes.append(contentsOf: $0) }
        }
        append(text: event.type, to: &bytes)
        append(text: event.actor, to: &bytes)
        append(length: event.attemptId == nil ? 0 : 16, to: &bytes)
        if let attemptId = event.attemptId { append(attemptId, to: &bytes) }
        append(text: bodyText, to: &bytes)
        return ContentDigest.sha256(bytes)
    }

    private static func append(_ id: Identifier, to bytes: inout [UInt8]) {
        withUnsafeBytes(of: id.high.bigEndian) { bytes.append(contentsOf: $0) }
        withUnsafeBytes(of: id.low.bigEndian) { bytes.append(contentsOf: $0) }
    }

    private static func append(length: Int, to bytes: inout [UInt8]) {
        withUnsafeBytes(of: Int32(clamping: length).bigEndian) { bytes.append(contentsOf: $0) }
    }

    private static func append(text: String, to bytes: inout [UInt8]) {
        append(length: text.utf8.count, to: &bytes)
        bytes.append(contentsOf: text.utf8)
    }
}
