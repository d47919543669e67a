/// Something that goes wrong with one exchange.
public struct Effect: Sendable, Hashable {
    /// When it happens, seen from what the platform was asked to do.
    public enum Moment: String, Codable, Sendable {
        /// As soon as the request head has arrived; the body is not looked at.
        case beforeRead = "before-read"
        /// The request has been read, nothing has been done.
        case before
        /// What was asked for has been done.
        case after
    }

    public enum Action: Sendable, Hashable {
        /// Any status and body in place of the true answer.
        case status(code: Int, headers: [String: String], body: String)
        /// The answer comes later. A client that leaves meanwhile does not stop the platform from doing its work.
        case delay(milliseconds: Int)
        /// The whole platform stands still for so long: this request and all that come meanwhile are worked off then.
        case freeze(milliseconds: Int)
        /// The connection is closed without a byte, and what was asked for is done so much later.
        case lateEffect(milliseconds: Int)
        /// No answer ever; the exchange ends when the client leaves.
        case hang
        /// No progress until the control port releases it.
        case hold
        /// The connection is closed without a byte.
        case close
        /// The connection is reset (RST) without a byte.
        case reset
        /// Head and half of the body, then a reset.
        case resetMidBody
        /// Head and half of the body, then an orderly close.
        case truncatedBody
        /// The head promises half of the bytes that follow.
        case shortContentLength
        /// The answer's JSON, cut in the middle, with the right length.
        case malformedJSON
        /// An HTML page with status 200.
        case html
        /// The true answer without one of its fields.
        case missingField(name: String)
        /// 307 to another place.
        case redirect(location: String)
        /// The true answer with this many bytes of padding in one more field.
        case hugeBody(bytes: Int)
        /// The true answer in small pieces with pauses between them.
        case trickle(chunkBytes: Int, intervalMilliseconds: Int)
    }

    public let action: Action
    public let moment: Moment

    private init(_ action: Action, _ moment: Moment) {
        self.action = action
        self.moment = moment
    }

    public static func status(
        _ code: Int, headers: [String: String] = [:], body: String = #"{"error":"Service unavailable"}"#,
        moment: Moment = .before
    ) -> Effect {
        Effect(.status(code: code, headers: headers, body: body), moment)
    }
    public static func delay(milliseconds: Int, moment: Moment = .before) -> Effect {
        Effect(.delay(milliseconds: milliseconds), moment)
    }
    public static func freeze(milliseconds: Int) -> Effect { Effect(.freeze(milliseconds: milliseconds), .before) }
    public static func lateEffect(milliseconds: Int) -> Effect {
        Effect(.lateEffect(milliseconds: milliseconds), .before)
    }
    public static func hang(_ moment: Moment = .before) -> Effect { Effect(.hang, moment) }
    public static func hold(_ moment: Moment = .before) -> Effect { Effect(.hold, moment) }
    public static func close(_ moment: Moment = .before) -> Effect { Effect(.close, moment) }
    public static func reset(_ moment: Moment = .before) -> Effect { Effect(.reset, moment) }
    public static func redirect(_ location: String, moment: Moment = .before) -> Effect {
        Effect(.redirect(location: location), moment)
    }
    public static func html(_ moment: Moment = .after) -> Effect { Effect(.html, moment) }
    public static let resetMidBody = Effect(.resetMidBody, .after)
    public static let truncatedBody = Effect(.truncatedBody, .after)
    public static let shortContentLength = Effect(.shortContentLength, .after)
    public static let malformedJSON = Effect(.malformedJSON, .after)
    public static func missingField(_ name: String) -> Effect { Effect(.missingField(name: name), .after) }
    public static func hugeBody(bytes: Int) -> Effect { Effect(.hugeBody(bytes: bytes), .after) }
    public static func trickle(chunkBytes: Int = 1, intervalMilliseconds: Int) -> Effect {
        Effect(.trickle(chunkBytes: max(1, chunkBytes), intervalMilliseconds: intervalMilliseconds), .after)
    }

    /// Whether the effect can happen at a moment. An effect that bends the true answer needs that answer first.
    func allows(_ moment: Moment) -> Bool {
        switch action {
        case .close, .reset: true
        case .status, .delay, .hang, .hold, .redirect, .html: moment != .beforeRead
        case .freeze, .lateEffect: moment == .before
        default: moment == .after
        }
    }

    func moved(to moment: Moment) -> Effect { Effect(action, moment) }

    var lateMilliseconds: Int? {
        if case .lateEffect(let milliseconds) = action { milliseconds } else { nil }
    }
}
