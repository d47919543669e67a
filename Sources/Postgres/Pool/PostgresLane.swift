/// What a connection is borrowed for.
public enum PostgresLane: Sendable, CaseIterable {
    /// Results that must be written at once: they go first, and some connections are for them alone.
    case commits
    /// Everything else.
    case ordinary
}
