import WorkflowCore

/// One request on its way, and what comes back.
struct Request {
    let attempt: Identifier
    let run: Int
    let kind: CallKind
    let purpose: Purpose
    /// The run's own reference.
    let reference: String
    /// The id that the request names, of an earlier answer.
    var thing: Int?
    /// The value of a sealed variable that the request carries: the key of an earlier answer.
    var apiKey: String?
    var idempotencyValue: String?
    var refusesTwins = false
    var seesGone = false
    /// The name that a list is asked for; nil: the whole list.
    var asksFor: String?
    /// The item behind which a further page of a list begins.
    var behind = 0
    /// When the platform took the request, which it may have done late: an idempotency value is honoured as of then.
    var takenAt: Int64?
}

extension Request {
    var isCreating: Bool { [.create, .add, .addKeyed, .addWithKey].contains(kind) }
}

struct Item: Equatable {
    let id: Int
    let reference: String
}

struct Reply: Equatable {
    var status: Int
    /// Fields of the body; a truncated answer has none.
    var body: [String: String] = [:]
    /// What a list shows.
    var items: [Item]?
    /// What leads to the next page.
    var next: String?
    var error: String?
    var retryAfterMilliseconds: Int64?
}

/// How an answer to a list lies.
struct ListLies {
    var isUnfiltered = false
    var isFuzzy = false
    var lag: Int64 = 0
}

/// The third party: what it really did.
final class PlatformModel {
    struct Thing {
        let id: Int
        /// Nil: others made it.
        let run: Int?
        let reference: String
        let createdAt: Int64
        let activeAt: Int64
        /// When lists begin to show it, and stop to.
        let visibleFrom: Int64
        var visibleUntil = Int64.max
        var isAlive = true
        var hasExtra = false
        var apiKey: String { "key\(id)" }
    }

    private(set) var things: [Thing] = []
    /// Idempotency values with the answer each got first.
    private var answered: [(value: String, reply: Reply, at: Int64)] = []
    var isDown = false
    /// It takes requests and does nothing.
    var isFrozen = false
    var queued: [() -> Void] = []

    func living(_ reference: String) -> Int { things.count { $0.reference == reference && $0.isAlive } }

    /// What the run itself made.
    func living(madeBy run: Int) -> Int { things.count { $0.run == run && $0.isAlive } }

    func thing(_ id: Int?) -> Thing? { things.first { $0.id == id } }

    func addStranger(_ reference: String, at time: Int64) {
        things.append(
            Thing(
                id: things.count + 1, run: nil, reference: reference, createdAt: time, activeAt: time,
                visibleFrom: time))
    }

    func newestLiving(madeBy run: Int) -> Thing? { things.last { $0.run == run && $0.isAlive } }

    func newestLiving(_ reference: String) -> Thing? { things.last { $0.reference == reference && $0.isAlive } }

    func has(extraOf id: Int?) -> Bool { things.contains { $0.id == id && $0.isAlive && $0.hasExtra } }

    /// The answer that this idempotency value got before, while the platform remembers it.
    /// `inProgress`: for so many milliseconds the first request is still being done.
    func remembered(_ request: Request, at time: Int64, inProgress: Int64) -> Reply? {
        guard let value = request.idempotencyValue,
            let first = answered.first(where: {
                $0.value == value && $0.at + Fixtures.honouredMilliseconds * 1000 >= request.takenAt ?? time
            })
        else { return nil }
        return time < first.at + inProgress * 1000 ? Reply(status: 409, error: "in_progress") : first.reply
    }

    func remember(_ request: Request, _ reply: Reply, at time: Int64) {
        guard let value = request.idempotencyValue else { return }
        answered.removeAll { $0.value == value }
        answered.append((value, reply, time))
    }

    /// Does what the request asks. The faults around it are the world's.
    func perform(_ request: Request, at time: Int64, activation: Int64, lag: Int64) -> Reply {
        switch request.kind {
        case .create, .add, .addKeyed, .addWithKey:
            if request.refusesTwins, living(request.reference) > 0 { return Reply(status: 409) }
            let thing = add(request, at: time, activation, lag)
            return Reply(
                status: 201, body: ["session": "s\(thing.id)", "apiKey": thing.apiKey, "id": "\(thing.id)"])
        case .put:
            if let there = newestLiving(request.reference) { return Reply(status: 200, body: ["id": "\(there.id)"]) }
            return Reply(status: 201, body: ["id": "\(add(request, at: time, activation, lag).id)"])
        case .token:
            guard let thing = things.first(where: { $0.apiKey == request.apiKey && $0.isAlive }),
                thing.activeAt <= time
            else { return Reply(status: 403, error: "key_not_active") }
            return Reply(status: 200, body: ["token": "token\(thing.id)"])
        case .check: return Reply(status: index(request).map { things[$0].isAlive } == true ? 200 : 404)
        case .list:
            let shown = things.filter {
                $0.reference == request.reference && (request.purpose != .gone || $0.id == request.thing)
                    && $0.visibleFrom <= time && time < $0.visibleUntil
            }
            return Reply(status: 200, items: shown.map { Item(id: $0.id, reference: $0.reference) })
        case .remove: return remove(request, at: time, lag)
        case .attach: return set(extra: true, request)
        case .detach: return set(extra: false, request)
        }
    }

    /// What the platform that lies shows: a page of what was asked for, or of more, without what this replica does not
    /// know yet.
    func list(_ request: Request, at time: Int64, _ lies: ListLies, pageSize: Int) -> Reply {
        let shown = things.filter { thing in
            guard thing.id > request.behind, thing.visibleFrom <= time, time < thing.visibleUntil,
                thing.createdAt + lies.lag * 1000 <= time
            else { return false }
            guard let name = request.asksFor, !lies.isUnfiltered else { return true }
            return lies.isFuzzy ? thing.reference.contains(name) : thing.reference == name
        }
        let page = shown.prefix(pageSize)
        return Reply(
            status: 200, items: page.map { Item(id: $0.id, reference: $0.reference) },
            next: shown.count > pageSize ? page.last.map { "\($0.id)" } : nil)
    }

    private func index(_ request: Request) -> Int? { things.firstIndex { $0.id == request.thing } }

    private func add(_ request: Request, at time: Int64, _ activation: Int64, _ lag: Int64) -> Thing {
        let thing = Thing(
            id: things.count + 1, run: request.run, reference: request.reference, createdAt: time,
            activeAt: time + activation * 1000, visibleFrom: time + lag * 1000)
        things.append(thing)
        return thing
    }

    private func remove(_ request: Request, at time: Int64, _ lag: Int64) -> Reply {
        guard let index = index(request), things[index].isAlive else { return Reply(status: 404) }
        things[index].isAlive = false
        things[index].visibleUntil = time + lag * 1000
        return Reply(status: 204)
    }

    private func set(extra: Bool, _ request: Request) -> Reply {
        guard let index = index(request), things[index].isAlive, extra || things[index].hasExtra else {
            return Reply(status: 404)
        }
        things[index].hasExtra = extra
        return Reply(status: extra ? 200 : 204)
    }

    /// What a person does by hand, over there.
    func removeByHand(_ reference: String, extrasOnly: Bool, at time: Int64) {
        for index in things.indices where things[index].reference == reference {
            things[index].hasExtra = false
            guard !extrasOnly else { continue }
            things[index].isAlive = false
            things[index].visibleUntil = min(things[index].visibleUntil, time)
        }
    }
}
