public import WorkflowCore

/// The end of a run's stream as the database once acknowledged it.
public struct AcknowledgedEnd: Sendable, Equatable {
    public let runId: Identifier
    public let seq: Int64
    public let hash: [UInt8]

    public init(runId: Identifier, seq: Int64, hash: [UInt8]) {
        self.runId = runId
        self.seq = seq
        self.hash = hash
    }
}
