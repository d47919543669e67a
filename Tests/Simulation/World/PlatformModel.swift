import WorkflowCore

/// One request on its way, and what comes back.
struct Request {
    let attempt: Identifier
    let run: Int
    let kind: CallKind
    /// The run's own reference.
    let reference: String
    /// The value of a sealed variable that the request carries: the key of an earlier answer.
    let apiKey: String?
}

struct Reply: Equatable {
    var status: Int
    /// Fields of the body; a truncated answer has none.
    var body: [String: String] = [:]
    var error: String?
    var retryAfterMilliseconds: Int64?
}

/// The third party: what it really did, and its own list of every request.
final class PlatformModel {
    struct Thing {
        let id: Int
        let run: Int
        let reference: String
        let attempt: Identifier
        let activeAt: Int64
        var isAlive = true
        var apiKey: String { "key\(id)" }
    }

    private(set) var things: [Thing] = []
    var isDown = false

    func living(_ reference: String) -> Int { things.count { $0.reference == reference && $0.isAlive } }

    /// Does what the request asks. The faults around it are the world's.
    func perform(_ request: Request, at time: Int64, activationMilliseconds: Int64) -> Reply {
        switch request.kind {
        case .create:
            let thing = add(request, at: time, activationMilliseconds)
            return Reply(status: 201, body: ["session": "s\(thing.id)", "apiKey": thing.apiKey])
        case .put:
            if let there = things.first(where: { $0.reference == request.reference && $0.isAlive }) {
                return Reply(status: 200, body: ["id": "\(there.id)"])
            }
            let thing = add(request, at: time, activationMilliseconds)
            return Reply(status: 201, body: ["id": "\(thing.id)"])
        case .token:
            guard let thing = things.first(where: { $0.apiKey == request.apiKey && $0.isAlive }),
                thing.activeAt <= time
            else { return Reply(status: 403, error: "key_not_active") }
            return Reply(status: 200, body: ["token": "token\(thing.id)"])
        case .check:
            return things.contains { $0.reference == request.reference && $0.isAlive }
                ? Reply(status: 200) : Reply(status: 404)
        }
    }

    private func add(_ request: Request, at time: Int64, _ activationMilliseconds: Int64) -> Thing {
        let thing = Thing(
            id: things.count + 1, run: request.run, reference: request.reference, attempt: request.attempt,
            activeAt: time + activationMilliseconds * 1000)
        things.append(thing)
        return thing
    }
}
