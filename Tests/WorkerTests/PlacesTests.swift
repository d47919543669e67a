import Testing
import WorkflowCore

@testable import EventStore
@testable import Worker

@Suite("Places", .timeLimit(.minutes(15)))
struct PlacesTests {
    private static let time = Instant(microseconds: 1_767_225_600_000_000)

    private func runs(_ service: String, _ count: Int) -> [ClaimedRun] {
        (0..<count).map { _ in
            ClaimedRun(
                id: Identifier(unixMilliseconds: 1, random: (1, 1)), epoch: 1,
                token: Identifier(unixMilliseconds: 1, random: (2, 2)), service: service, isTrial: false, hash: [],
                state: .failure(EvolveError(seq: 0, message: "a test")), sealed: [], claimedAt: Self.time,
                due: Self.time)
        }
    }

    /// `next`: milliseconds until the line is to be asked again; nil: when something happens.
    private func line(_ service: String, next: Int64?, shut: Bool = false, bound: Int64 = 0) -> LineAnswer {
        LineAnswer(
            service: service, next: next.map { Self.time.advanced(byMilliseconds: $0) },
            shutUntil: shut ? next.map { Self.time.advanced(byMilliseconds: $0) } : nil, pauseReason: nil,
            now: Self.time, bounds: LineBounds(readyMicroseconds: bound, note: "\(bound)"))
    }

    /// What a claim with this demand could give out of long lines of these services.
    private func fill(_ places: Places, _ services: [String]) async {
        let demand = await places.demand(upTo: .max)
        var left = demand.room
        var given: [ClaimedRun] = []
        for service in services {
            let count = max(0, min(left, demand.rooms[service] ?? demand.roomEach))
            given += runs(service, count)
            left -= count
        }
        await places.take(ClaimAnswer(runs: given, lines: services.map { line($0, next: 0) }))
    }

    @Test
    func `one service may fill half of the places, however long its line is, and a second one is served at once`() async
    {
        let places = Places(16)
        for _ in 0..<3 { await fill(places, ["slow"]) }
        #expect(await places.free == 8)
        await fill(places, ["fast", "slow"])
        let demand = await places.demand(upTo: .max)
        #expect(demand.rooms["slow"] == 0)
        // With two at work each may have a third; one that comes anew finds a place of its own.
        #expect(demand.rooms["fast"] == 0 && demand.roomEach == 4 && demand.room == 3)
        for _ in 0..<8 { _ = await places.give("slow") }
        let later = await places.demand(upTo: .max)
        #expect((later.rooms["slow"] ?? 0) > 0)
    }

    @Test func `a place that comes back is the service's that gave it; what is not in hand is not given twice`() async {
        let places = Places(4)
        await places.take(ClaimAnswer(runs: runs("s", 2), lines: [line("s", next: nil)]))
        #expect(await places.free == 2)
        for _ in 0..<3 { _ = await places.give("s") }
        #expect(await places.free == 4)
        #expect(await places.demand(upTo: 1).room == 1)
        #expect(await places.demand(upTo: 0).room == 0)
    }

    @Test
    func `an eighth of what is in hand, at most sixteen, is worth a claim at once; less waits for more, and asks once`()
        async
    {
        let places = Places(512)
        await places.take(ClaimAnswer(runs: runs("s", 200), lines: [line("s", next: 0)]))
        #expect(await places.give("s") == .soon)
        for _ in 0..<14 { #expect(await places.give("s") == .planned) }
        #expect(await places.give("s") == .now)
        let few = Places(512)
        await few.take(ClaimAnswer(runs: runs("s", 15), lines: [line("s", next: 0)]))
        #expect(await few.give("s") == .now)
        let many = Places(512)
        await many.take(ClaimAnswer(runs: runs("s", 16), lines: [line("s", next: 0)]))
        #expect(await many.give("s") == .soon)
        await many.take(ClaimAnswer(runs: runs("s", 1), lines: [line("s", next: 0)]))
        #expect(await many.give("s") == .soon)
    }

    @Test func `with a single place there is room for one, whoever comes`() async {
        let places = Places(1)
        #expect(await places.demand(upTo: .max).roomEach == 1)
        await fill(places, ["s", "t"])
        #expect(await places.free == 0)
    }

    @Test func `the bounds of a line go into the next demand, and are forgotten after a second`() async {
        let places = Places(4)
        await places.take(ClaimAnswer(runs: [], lines: [line("s", next: nil, bound: 7)]))
        let began = ContinuousClock.now
        let known = await places.demand(upTo: .max).bounds["s"]
        #expect(known == LineBounds(readyMicroseconds: 7, note: "7") || began.duration(to: .now) > .seconds(1))
        #expect(await eventually { await places.demand(upTo: .max).bounds.isEmpty })
        #expect(began.duration(to: .now) > .milliseconds(900))
    }

    @Test
    func `the next look is that of the first line with room for it; a full service's does not make it come sooner`()
        async
    {
        let answer = ClaimAnswer(
            runs: [], lines: [line("full", next: 0), line("later", next: 5000), line("idle", next: nil)])
        #expect(answer.millisecondsToNext(wanting: ClaimDemand(room: 4, rooms: ["full": 0])) == 5001)
        #expect(answer.millisecondsToNext(wanting: ClaimDemand(room: 4)) == 0)
        #expect(answer.millisecondsToNext(wanting: ClaimDemand(room: 0)) == nil)
        #expect(answer.millisecondsToNext(wanting: ClaimDemand(room: 4, roomEach: 0, rooms: ["idle": 1])) == nil)
    }
}
