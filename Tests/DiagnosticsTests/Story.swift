import Diagnostics
import WorkflowCore

@testable import EventStore

/// A run told by what happened in which second; each word is the event that the engine writes.
struct Story {
    let id: Identifier
    let number: String
    let organisation: String
    var status = RunStatus.live
    var inspection: Inspection.Verdict?
    var mayBeLeft = false
    var task: TaskOverview?
    private(set) var events: [RecordedEvent] = []
    private var attempts: UInt64 = 0

    static let start = Instant(microseconds: 1_800_000_000_000_000)

    static func at(_ seconds: Double) -> Instant { start.advanced(byMilliseconds: Int64(seconds * 1000)) }

    static func id(_ number: UInt64) -> Identifier { Identifier(high: 0x0192_0000_0000_7000, low: number) }

    init(_ id: UInt64, _ number: String = "+1", organisation: String = "academy", at seconds: Double = 0) {
        self.id = Self.id(id)
        self.number = number
        self.organisation = organisation
        add(.runRequested, ["input": ["number": .string(number)]], seconds)
    }

    mutating func add(_ type: EventType, _ body: JSONObject, _ seconds: Double, attempt: Identifier? = nil) {
        events.append(
            RecordedEvent(
                seq: Int64(events.count + 1), type: type.rawValue, body: body, epoch: 1, attemptId: attempt,
                actor: "worker:t", recordedAt: Self.at(seconds)))
    }

    enum Call {
        case create, token
        case inspect

        var intent: JSONObject {
            switch self {
            case .create:
                ["state": "requested", "service": "wpp", "request": "POST wpp:/create", "repeatable": false]
            case .token:
                ["state": "token-pending", "service": "wpp", "request": "POST wpp:/auth/token", "repeatable": true]
            case .inspect:
                [
                    "state": "active", "service": "wpp", "request": "POST wpp:/auth/token", "repeatable": true,
                    "purpose": "inspect",
                ]
            }
        }
    }

    /// One request and its end.
    mutating func sends(
        _ call: Call, _ end: EventType, at seconds: Double, status: Int64? = nil, error: String? = nil,
        text: String? = nil, used: [(String, String)] = [], sealed: (String, String)? = nil,
        more: JSONObject = [:], evidence given: JSONObject = [:]
    ) {
        attempts += 1
        let attempt = Identifier(high: id.low, low: attempts)
        add(.attemptStarted, call.intent, seconds, attempt: attempt)
        var evidence = given
        if let status { evidence["status"] = .integer(status) }
        if let text { evidence["body"] = .string(text) }
        evidence["credentials_used"] = .array(used.map { ["name": .string($0.0), "fingerprint": .string($0.1)] })
        var body: JSONObject = ["state": call.intent["state"] ?? "", "evidence": .object(evidence)]
        if let error { body["error"] = .string(error) }
        if let sealed {
            body["sealed"] = [
                ["name": .string(sealed.0), "version": 1, "fingerprint": .string(sealed.1), "length": 20]
            ]
        }
        for member in more.members { body[member.name] = member.value }
        add(end, body, seconds, attempt: attempt)
    }

    mutating func creates(_ fingerprint: String, at seconds: Double, heldBy other: Identifier? = nil) {
        var more = JSONObject()
        if let other { more = ["held_by": .string(other.description), "made": false] }
        sends(
            .create, .attemptDone, at: seconds, status: 200, used: [("wpp_master", "mmmmmmmm")],
            sealed: ("api_key", fingerprint), more: more)
        if let other { holds("thing_of_another_run", at: seconds, by: other) }
    }

    mutating func holds(_ code: String, at seconds: Double, by other: Identifier? = nil) {
        var body: JSONObject = ["code": .string(code), "text": "a person must look"]
        if let other { body["run"] = .string(other.description) }
        add(.runHeld, body, seconds)
        status = .held
    }

    mutating func refused(_ key: String, at seconds: Double, _ call: Call = .token, status: Int64 = 403) {
        sends(
            call, .attemptNotDone, at: seconds, status: status, error: "key_not_active",
            text: #"{"error":"Invalid API key"}"#, used: [("api_key", key)])
    }

    mutating func accepted(_ key: String, at seconds: Double, _ call: Call = .token) {
        sends(
            call, .attemptDone, at: seconds, status: 200, used: [("api_key", key)],
            sealed: ("token", "t\(events.count)"))
        if call == .token { status = .succeeded }
    }

    var overview: RunOverview {
        RunOverview(
            id: id, workflow: "whatsapp-number", version: 1, organisation: organisation, key: number, state: "s",
            status: status, reason: nil, lastError: nil, mayBeLeft: mayBeLeft, inspection: inspection,
            seq: Int64(events.count), requestedAt: events[0].recordedAt, changedAt: events[0].recordedAt, endedAt: nil,
            task: task)
    }

    var facts: RunFacts { RunFacts(overview, events) }

    /// The same run as the fleet's row shows it.
    func row(earlier: Bool = false) -> FleetRun {
        let facts = facts
        let first = facts.acceptances.first
        return FleetRun(
            run: id, organisation: organisation, key: number, status: status, keySealedAt: facts.key?.at,
            hasEarlierKey: earlier, hasEarlierSuccess: earlier, firstAcceptedAt: first?.at,
            lastAcceptedAt: facts.acceptances.last?.at,
            refusedBeforeAt: first.flatMap { yes in facts.refusals.last { $0.seq < yes.seq }?.at },
            lastRefusedAt: facts.refusals.last?.at)
    }
}

/// A number that works at once.
func workingNumber(
    _ id: UInt64 = 1, _ number: String = "+1", organisation: String = "academy", key: String = "aaaaaaaa",
    at seconds: Double = 0
) -> Story {
    var story = Story(id, number, organisation: organisation, at: seconds)
    story.creates(key, at: seconds)
    story.accepted(key, at: seconds + 1)
    return story
}

/// A second number whose key is refused at these ages.
func refusedNumber(
    _ id: UInt64 = 2, organisation: String = "academy", key: String = "bbbbbbbb", at seconds: Double = 100,
    ages: [Double] = [0, 1, 3]
) -> Story {
    var story = Story(id, "+2", organisation: organisation, at: seconds)
    story.creates(key, at: seconds)
    for age in ages { story.refused(key, at: seconds + age) }
    return story
}

func judge(
    _ story: Story, beside siblings: [Story] = [], same: [SameKey] = [], fleet: [FleetRun] = [],
    all: Bool = true, wait: RunWait? = nil, service: ServiceRecord? = nil, now seconds: Double = 200
) -> Verdict {
    diagnose(
        Evidence(
            run: story.facts, siblings: siblings.map(\.facts), siblingsAreAll: all, sameKey: same, fleet: fleet,
            wait: wait,
            service: service,
            now: Story.at(seconds)))
}

/// Organisations whose first number works and whose second one is refused at this age.
func limitedFleet(_ organisations: Int, age: Double, secondWorks: Bool = false) -> [FleetRun] {
    (0..<organisations).flatMap { index -> [FleetRun] in
        let name = "org\(index)"
        let first = workingNumber(UInt64(100 + index * 2), organisation: name, key: "c\(index)")
        var second = refusedNumber(UInt64(101 + index * 2), organisation: name, key: "d\(index)", ages: [0, age])
        if secondWorks { second.accepted("d\(index)", at: 100 + age + 1) }
        return [first.row(), second.row(earlier: true)]
    }
}
