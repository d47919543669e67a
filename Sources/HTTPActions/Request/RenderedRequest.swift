/// A request as it will be sent. It holds secrets in plain, so it has no description and no mirror.
struct RenderedRequest: Sendable, CustomStringConvertible, CustomReflectable {
    let method: String
    let target: TargetURL
    /// With the base URL's prefix; percent-encoded.
    let path: String
    /// Percent-encoded; nil without parameters.
    let query: String?
    let headers: [(name: String, value: String)]
    let body: [UInt8]?
    /// Whether the request may leave on a connection that was used before, which may send it again.
    let isRepeatable: Bool
    /// Of a call with an idempotency key: each part that must not differ in a resend, as it is sent.
    let parts: [(name: String, bytes: [UInt8])]

    var url: String { target.origin + path + (query.map { "?" + $0 } ?? "") }
    /// What may be shown: a query can hold what people call private.
    var shownURL: String { target.origin + path }

    var description: String { "<request>" }
    var customMirror: Mirror { Mirror(self, children: []) }
}

/// Why a request could not be put together: where in the call, and what; never a value.
struct RenderingError: Error, Equatable {
    let place: String
    let message: String

    var text: String { "\(place): \(message)" }
}
