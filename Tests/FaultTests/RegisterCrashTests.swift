import EventStore
import Foundation
import PlatformSimulator
import Postgres
import TestSupport
import Testing
import Worker
import WorkflowCore

@testable import ScenarioTests

/// The worker kills itself at every named point of a request, on a platform where nobody has to be asked: each run ends,
/// with one client or none.
@Suite(.timeLimit(.minutes(20))) struct RegisterCrashTests {
    /// One part of a story, in which a worker is killed at every point that it passes there.
    struct Chapter: Sendable, CustomTestStringConvertible {
        let story: CrashStory
        let part: CrashStory.Part

        var testDescription: String { "\(story.name): \(part.name)" }

        static let all = CrashStory.all.flatMap { story in story.parts.map { Chapter(story: story, part: $0) } }
    }

    /// The N-th passing of a point. `attempts`: how many requests have an intent by then, at least and at most.
    private struct Target: Hashable {
        let point: CrashPoint
        let passing: Int
        let attempts: ClosedRange<Int>

        func isSamePlace(as other: Target) -> Bool { point == other.point && attempts == other.attempts }
    }

    @Test(arguments: Chapter.all)
    func `a worker killed at a point: its run ends without a person, with one client or none`(
        _ chapter: Chapter
    ) async throws {
        let story = chapter.story
        try await Installation.withRegisterAlone(story.definition) { installation in
            let targets = Self.targets(try await trace(story, installation), in: chapter.part)
            let missing = Set(CrashPoint.allCases).subtracting(chapter.part.lacks).subtracting(targets.map(\.point))
            #expect(missing.isEmpty, "the request never passes \(missing.map(\.rawValue))")
            for target in targets {
                var isHit = try await kill(at: target, chapter, installation)
                // Where a request is just late, claims and commits are grouped in another way: the place has another
                // number then.
                for _ in 0..<6 where !isHit {
                    let anew = Self.targets(try await trace(story, installation), in: chapter.part)
                    guard let place = anew.first(where: target.isSamePlace) else { continue }
                    isHit = try await kill(at: place, chapter, installation)
                }
                #expect(isHit, "no worker was killed at \(target.point.rawValue):\(target.passing)")
            }
            installation.simulator.removeFaults()
            try await Invariants.check(installation)
        }
    }

    // MARK: What a worker passes

    /// All passings of a worker that is not killed, in order.
    private func trace(_ story: CrashStory, _ installation: Installation) async throws -> [CrashPoint] {
        let run = try await begin(story, installation)
        let worker = try installation.startWorker(
            named: "traced", leaseSeconds: Installation.generousLeaseSeconds, crashPoint: "trace")
        try await installation.settles(seconds: 120)
        worker.send(SIGTERM)
        let said = await worker.end().errors
        try await check(run, story, installation, "undisturbed")
        return said.split(separator: "\n").compactMap { line in
            let parts = line.split(separator: " ")
            guard parts.count == 4, parts[2] == "passed" else { return nil }
            return parts[3].split(separator: ":").first.flatMap { CrashPoint(rawValue: String($0)) }
        }
    }

    /// The points of one request: from the claim and the commit before its intent to the commit of its outcome.
    private static func targets(_ passed: [CrashPoint], in part: CrashStory.Part) -> [Target] {
        let intents = passed.indices.filter { passed[$0] == .afterIntent }
        let records = passed.indices.filter { passed[$0] == .beforeRecord }
        guard intents.count >= part.attempt, records.count >= part.attempt else { return [] }
        let number = part.attempt
        let (intent, record) = (intents[number - 1], records[number - 1])
        let before = passed[(number == 1 ? 0 : records[number - 2])..<intent]
        let after = passed[record...]
        func target(_ index: Int?, _ attempts: ClosedRange<Int>) -> Target? {
            index.map { index in
                let point = passed[index]
                return Target(
                    point: point, passing: passed[...index].count { $0 == point }, attempts: attempts)
            }
        }
        var found = [target(before.lastIndex(of: .afterClaim), number - 1...number - 1)]
        for point in [CrashPoint.duringCommit, .afterCommit] {
            found.append(target(before.lastIndex(of: point), number - 1...number))
            found.append(target(after.firstIndex(of: point), number...number + 1))
        }
        for point in CrashPoint.allCases where ![.afterClaim, .duringCommit, .afterCommit].contains(point) {
            found.append(target(passed[intent...record].firstIndex(of: point), number...number))
        }
        var isKnown: Set<Target> = []
        return found.compactMap { $0 }.filter { isKnown.insert($0).inserted }
    }

    // MARK: One kill

    /// Kills a worker at a point of a new run and lets another one go on. False: the point was not met in this part.
    private func kill(at target: Target, _ chapter: Chapter, _ installation: Installation) async throws -> Bool {
        let name = "\(target.point.rawValue):\(target.passing)"
        let run = try await begin(chapter.story, installation)
        let before = try await installation.purposes(run).count
        let doomed = try installation.startWorker(
            named: "doomed", leaseSeconds: Installation.generousLeaseSeconds, crashPoint: name)
        let isOver = try await eventually(seconds: 90) {
            if doomed.spoken.contains("crash point: killed at \(name)\n") { return true }
            return try await installation.store.run(run)?.status != .live
        }
        // The last commit ends the run before the worker has passed it.
        let isKilled = await doomed.says("killed at \(name)\n", seconds: isOver ? 10 : 0)
        if !isKilled { doomed.send(SIGKILL) }
        let last = await doomed.end()
        let isDead = last.errors.contains("crash point: killed at \(name)\n")
        #expect(last.exitCode == SIGKILL)
        let purposes = Array(try await installation.purposes(run).dropFirst(before))
        let isHere =
            target.attempts.contains(purposes.count)
            && (purposes.count < chapter.part.attempt || purposes[chapter.part.attempt - 1] == chapter.part.purpose)

        try await bury(run, killedAt: target.point, installation)
        let heir = try installation.startWorker(named: "heir", leaseSeconds: Installation.generousLeaseSeconds)
        try await installation.settles(seconds: 120)
        heir.send(SIGTERM)
        // It may not have got so far as to listen to signals when nothing was left to do.
        #expect([0, SIGTERM].contains(await heir.end().exitCode))
        try await check(run, chapter.story, installation, name)
        return isDead && isHere
    }

    /// A new run under its story's faults, up to where a worker is watched.
    private func begin(_ story: CrashStory, _ installation: Installation) async throws -> Identifier {
        installation.simulator.removeFaults()
        _ = installation.simulator.addFaults(story.faults)
        // Lost answers of one run after the other would open the breaker.
        _ = try await installation.store.resumeService("wpp")
        let number = try await installation.count("true")
        let run = try await installation.enqueue(
            "+346\(1_000_000 + number)", organisation: "org-\(number)", workflow: "registered-number")
        guard let (point, passing) = story.firstDeath else { return run }
        let name = "\(point.rawValue):\(passing)"
        let first = try installation.startWorker(
            named: "first", leaseSeconds: Installation.generousLeaseSeconds, crashPoint: name)
        let isDead = await first.says("killed at \(name)\n", seconds: 90)
        if !isDead { first.send(SIGKILL) }
        _ = await first.end()
        try #require(isDead, "the first worker was not killed at \(name)")
        try await bury(run, killedAt: point, installation)
        if story.isCancelled { try await installation.cancel(run, reason: "wrong number") }
        return run
    }

    /// Nothing of a dead worker is under way any more: its request has arrived if it was sent, and its lease is over.
    private func bury(_ run: Identifier, killedAt point: CrashPoint, _ installation: Installation) async throws {
        if [.afterSend, .afterHead, .midBody, .beforeRecord].contains(point),
            let attempt = try await installation.events(run, .attemptStarted).last?.attemptId
        {
            let isThere = await eventually(seconds: 60) {
                installation.simulator.ledger().contains {
                    $0.requestId == attempt.description && $0.decision != nil
                }
            }
            #expect(isThere, "a request that was sent did not arrive")
        }
        try await installation.endLeases()
    }

    private func check(
        _ run: Identifier, _ story: CrashStory, _ installation: Installation, _ name: String
    ) async throws {
        let found = try #require(try await installation.store.run(run))
        let history = try await installation.types(run)
        #expect(found.status == story.end, "\(name): \(found.status), \(found.reason ?? ""), \(history)")
        #expect(!history.contains("run.held"), "\(name): a person was needed")
        let clients = installation.simulator.clients().filter { $0.externalId == run.description }
        let left = clients.filter { $0.deletedAtMilliseconds == nil }
        #expect(story.makes.contains(clients.count), "\(name): \(clients.count) clients, \(history)")
        #expect(left.count == (story.end == .succeeded ? 1 : 0), "\(name): \(left.count) are left, \(history)")
        let holds = try await installation.count("id = '\(run)' and owns_key") == 1
        #expect(holds == (story.end == .succeeded), "\(name): the key")
    }
}
