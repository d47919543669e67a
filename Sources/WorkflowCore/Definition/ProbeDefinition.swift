/// A harmless request that a person may have sent to learn more of a run: `turnup diagnose RUN --probe NAME`.
public struct ProbeDefinition: Sendable, Equatable {
    public enum Credential: String, Sendable, CaseIterable {
        /// What the run has.
        case current
        /// In place of the run's key that of an older run of the organisation.
        case older
        /// In place of the run's key something made up, of the same length and alphabet.
        case random

        /// Whether it touches what others have, or may have; then the author must vouch that it harms nobody.
        public var needsVouching: Bool { self != .current }
    }

    public let name: String
    public let call: CallDefinition
    public let credential: Credential
    /// The secret variable whose value is replaced: the key that a call gave which is not harmless to repeat. Nil for
    /// `current`.
    public let key: String?

    public init(name: String, call: CallDefinition, credential: Credential, key: String? = nil) {
        self.name = name
        self.call = call
        self.credential = credential
        self.key = key
    }

    /// At most so many are asked for in a day, for one run and for all runs of one organisation.
    public static let mostOfRun = 3
    public static let mostOfOrganisation = 10
    /// A probe that could not be sent in this time is dropped.
    public static let longestWaitMilliseconds: Int64 = 600_000
}

extension Definition {
    public func probe(_ name: String) -> ProbeDefinition? { probes.first { $0.name.hasSameScalars(as: name) } }
}
