public import WorkflowCore

/// A published definition as it is stored.
public struct PublishedDefinition: Sendable, Equatable {
    public let workflow: String
    public let version: Int
    /// SHA-256 of `canonical`, in hex.
    public let digest: String
    /// The file as it was written.
    public let source: String
    /// The parsed tree as sorted JSON, so that a change of comments alone is no new content.
    public let canonical: String
    /// What the queue needs to know of it; read from the canonical form.
    public var queueFacts: JSONValue {
        (try? JSONValue.parse(canonical)).flatMap { Definition.read(canonical: $0).0 }?.queueFacts ?? [:]
    }

    public init(workflow: String, version: Int, digest: String, source: String, canonical: String) {
        self.workflow = workflow
        self.version = version
        self.digest = digest
        self.source = source
        self.canonical = canonical
    }
}

public enum PublishAnswer: Sendable, Equatable {
    case published
    /// The same content stood there already.
    case unchanged
}

/// One line of `turnup workflow list`.
public struct DefinitionSummary: Sendable, Equatable {
    public let workflow: String
    public let version: Int
    public let digest: String
    public let publishedAt: Instant
}

/// How many live and held runs a version has.
public struct LiveRunCount: Sendable, Equatable {
    public let workflow: String
    public let version: Int
    public let runs: Int

    public init(workflow: String, version: Int, runs: Int) {
        self.workflow = workflow
        self.version = version
        self.runs = runs
    }
}
