/// What the platform really did with a request.
public struct Decision: Codable, Sendable, Hashable {
    public enum Kind: String, Codable, Sendable {
        case clientCreated = "client-created"
        /// A create that answered with what already existed, or with a key that can never work.
        case clientReturned = "client-returned"
        case keyRotated = "key-rotated"
        case deadClientCreated = "dead-client-created"
        /// A create answered from its idempotency key.
        case replayed
        case tokenIssued = "token-issued"
        case accountStarted = "account-started"
        case accountReturned = "account-returned"
        case accountRead = "account-read"
        case accountStopped = "account-stopped"
        case clientsListed = "clients-listed"
        case clientRead = "client-read"
        case clientDeleted = "client-deleted"
        /// Nothing was done; `reason` says why.
        case refused
        /// A fault answered before anything was done.
        case notAttempted = "not-attempted"
    }

    public var kind: Kind
    public var reason: String?
    /// The session or account it was about.
    public var session: String?
    /// The client it was about, by its number.
    public var client: Int?

    init(_ kind: Kind, reason: String? = nil, session: String? = nil, client: Int? = nil) {
        self.kind = kind
        self.reason = reason
        self.session = session
        self.client = client
    }
}

/// One request to the platform port and what became of it.
public struct LedgerEntry: Codable, Sendable, Hashable {
    public enum Delivery: String, Codable, Sendable {
        /// Still under way.
        case pending
        /// Every byte of the answer went to the socket while the connection was open.
        case delivered
        /// The client did not get a whole answer; `cutReason` says why.
        case cut
    }

    /// 1 for the first request.
    public let ordinal: Int
    /// Milliseconds since 1970 on the simulator's clock.
    public let receivedAtMilliseconds: Int
    public var endedAtMilliseconds: Int?
    public let method: String
    public let path: String
    /// The client's `X-Request-Id`.
    public let requestId: String?
    /// The client's idempotency key, on a platform that looks at one.
    public let idempotencyKey: String?
    /// Sent to the client as `X-Trace-Id`.
    public let traceId: String
    public let organisation: String?
    public let bodyBytes: Int
    /// FNV-1a (64 bits) of the request body, in hexadecimal digits.
    public let bodyHash: String
    /// Nil until the platform decides, and for ever if it never does.
    public var decision: Decision?
    /// The status sent, or about to be sent.
    public var status: Int?
    /// Names of the fault rules that befell this exchange.
    public let faults: [String]
    public var delivery = Delivery.pending
    public var cutReason: String?
}

/// The truth about one client, which is one key for one session.
public struct ClientRecord: Codable, Sendable, Hashable {
    /// 1 for the first client of the simulator.
    public let number: Int
    public let organisation: String
    /// 1 for the first client of the organisation.
    public let ordinal: Int
    /// The client's own reference to it, on a platform with a register.
    public let externalId: String?
    public let session: String
    public var apiKey: String
    /// The `X-Request-Id` of the create; nil when it sent none, and for what others made.
    public let madeBy: String?
    public let createdAtMilliseconds: Int
    /// Nil for a key that never works.
    public var activeAtMilliseconds: Int?
    public var revokedAtMilliseconds: Int?
    public var deletedAtMilliseconds: Int?
    /// Keys this client had before a rotation.
    public var formerKeys: [String] = []
    public var tokensIssued = 0
    public var statusReads = 0
}

/// How far an exchange has come, for those who wait for it.
public enum Phase: String, Codable, Sendable, CaseIterable {
    /// The whole request is there and in the ledger.
    case received
    /// The platform has done, or refused, what was asked.
    case decided
    /// The exchange waits for a release.
    case held
    /// The client closed its connection while the exchange was held.
    case left
    /// The whole answer has been written.
    case answered
    /// The exchange is over, answered or cut.
    case ended
}
