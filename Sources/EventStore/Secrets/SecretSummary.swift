public import WorkflowCore

/// A credential without its value.
public struct SecretSummary: Sendable, Equatable {
    public let scope: String
    public let scopeId: String
    public let name: String
    public let version: Int
    /// 8 hex digits.
    public let fingerprint: String
    public let createdAt: Instant
    public let createdBy: String
    public let isForgotten: Bool
}
