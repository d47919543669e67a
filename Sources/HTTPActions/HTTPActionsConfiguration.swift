public import NIOCore

/// Settings of the HTTP side; the defaults are meant to stay.
public struct HTTPActionsConfiguration: Sendable {
    /// Sent as `User-Agent`: the program and its version.
    public var userAgent: String
    /// For dialling one address, TLS included. The action's own deadline holds besides.
    public var connectTimeoutMilliseconds: Int64 = 10_000
    /// A longer answer is `bad_answer`.
    public var bodyLimitBytes = 1 << 20
    /// A longer head of an answer is `bad_answer`.
    public var headLimitBytes = 16 << 10
    /// A PEM file of the authorities to trust instead of the system's; for the installation to set, not for
    /// a definition.
    public var trustRootsPath: String?
    /// Told how far each request has come; for fault tests.
    public var phaseReached: (@Sendable (ExchangePhase) -> Void)?
    /// The threads that connections live on; nil: those of the process. Whoever gives them shuts them down.
    public var eventLoopGroup: (any EventLoopGroup)?
    /// Finds the addresses of a host name; may block.
    var lookUp: Resolver.LookUp = Resolver.systemLookUp

    public init(userAgent: String = "turnup") { self.userAgent = userAgent }
}

/// How far a request has come.
public enum ExchangePhase: Sendable {
    case connected
    /// The last byte of the request was written.
    case sent
    case headReceived
    /// The first piece of the body has come.
    case bodyBegan
}
