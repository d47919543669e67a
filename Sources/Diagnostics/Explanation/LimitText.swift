public import WorkflowCore

/// Limits in words.
public enum LimitText {
    /// `3 at once, 30/1m, per organisation`, or `none`.
    public static func text(_ limits: ServiceLimits) -> String {
        guard !limits.isEmpty else { return "none" }
        let parts = [limits.concurrent.map { "\($0) at once" }, limits.rate?.description, scope(limits.per)]
        return parts.compactMap(\.self).joined(separator: ", ")
    }

    /// What a limit is counted for.
    public static func scope(_ per: LimitScope) -> String {
        switch per {
        case .organisation: "per organisation"
        case .all: "for all together"
        }
    }
}
