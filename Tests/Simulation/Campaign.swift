import Foundation
import Synchronization

/// What one seed came to.
struct Outcome: Sendable {
    let seed: UInt64
    let violation: String?
    let hash: UInt64
    let actions: Int
    let events: Int
}

/// Seeds until the time is over or an invariant is violated.
struct Campaign {
    let options: Options

    init(_ options: Options) { self.options = options }

    func run() async -> Int32 {
        if let seed = options.replay { return replay(seed) }
        if let path = options.record { return record(path) }
        if options.huntsBugs { return await hunt() }
        return await explore()
    }

    static func outcome(of seed: UInt64, bug: Bug?, marks: Marks) -> Outcome {
        let world = World(seed: seed, bug: bug, marks: marks)
        world.run()
        let violation = world.checker.violation.map { "\($0.invariant): run \($0.run): \($0.text)" }
        return Outcome(
            seed: seed, violation: violation, hash: world.trace.hash, actions: world.actions,
            events: world.store.runs.reduce(0) { $0 + Int($1.seq) })
    }

    // MARK: One seed

    private func replay(_ seed: UInt64) -> Int32 {
        let world = World(seed: seed, bug: options.bug, marks: Marks(), isTracing: true)
        world.trace.stamp = { [unowned world] in "\(world.now / 1000) ms" }
        world.run()
        for line in world.trace.lines { print(line) }
        print("seed \(seed), \(world.actions) actions, trace \(String(world.trace.hash, radix: 16))")
        guard let violation = world.checker.violation else { return 0 }
        print("\(violation.invariant) violated by run \(violation.run): \(violation.text)")
        return 1
    }

    /// The end of the story of a seed that failed, and how to see all of it.
    private func tell(_ outcome: Outcome, _ bug: Bug?) {
        let world = World(seed: outcome.seed, bug: bug, marks: Marks(), isTracing: true)
        world.trace.stamp = { [unowned world] in "\(world.now / 1000) ms" }
        world.run()
        print("seed \(outcome.seed)\(bug.map { " with \($0.rawValue)" } ?? ""): \(outcome.violation ?? "")")
        if let run = world.checker.violation?.run {
            for line in world.trace.lines where line.contains(" run \(run) ") { print("  \(line)") }
        }
        print("replay: Simulation --replay \(outcome.seed)\(bug.map { " --bug \($0.rawValue)" } ?? "")")
    }

    // MARK: Schedules

    /// What the seeds asked of the store, as JSON lines, to be asked again of a real one.
    private func record(_ path: String) -> Int32 {
        guard FileManager.default.createFile(atPath: path, contents: nil),
            let file = FileHandle(forWritingAtPath: path)
        else { return complain("\(path) cannot be written") }
        do {
            try file.write(contentsOf: Data(Recorder.definitions.utf8))
            let seeds = options.seeds ?? 100
            for seed in options.firstSeed..<options.firstSeed &+ seeds {
                let recorder = Recorder(mostCalls: options.bug == nil ? 150 : .max)
                let world = World(seed: seed, bug: options.bug, marks: Marks())
                world.store.recorder = recorder
                world.run()
                // A sound world is no schedule of a bug.
                if options.bug != nil, world.checker.violation == nil { continue }
                try file.write(contentsOf: recorder.schedule(of: seed, world.store))
                if options.bug != nil { return 0 }
            }
            return options.bug == nil ? 0 : complain("no seed of \(seeds) is broken by the bug")
        } catch {
            return complain("\(path) cannot be written: \(error.localizedDescription)")
        }
    }

    private func complain(_ text: String) -> Int32 {
        FileHandle.standardError.write(Data("\(text)\n".utf8))
        return 1
    }

    // MARK: Many seeds

    private struct Totals: Sendable {
        var seeds = 0
        var actions = 0
        var events = 0
        var failures: [Outcome] = []
        var counts: [Int] = []
        var unstable: [UInt64] = []
    }

    private func explore() async -> Int32 {
        var isBroken = false
        for seed in regressions() {
            let outcome = Self.outcome(of: seed, bug: nil, marks: Marks())
            if outcome.violation != nil {
                tell(outcome, nil)
                isBroken = true
            }
        }
        let began = ContinuousClock.now
        let processorBegan = clock()
        let marks = Marks()
        var totals = Totals()
        let (next, stop) = (Counter(options.firstSeed), Counter(0))
        await withTaskGroup(of: Totals.self) { group in
            for _ in 0..<options.threads {
                group.addTask { work(next, stop, began) }
            }
            for await part in group {
                totals.seeds += part.seeds
                totals.actions += part.actions
                totals.events += part.events
                totals.failures += part.failures
                totals.unstable += part.unstable
                marks.add(part.counts)
            }
        }
        for failure in totals.failures { tell(failure, nil) }
        for seed in totals.unstable { print("seed \(seed) did not replay exactly") }
        report(
            totals, began.duration(to: .now),
            processorSeconds: Double(clock() - processorBegan) / Double(CLOCKS_PER_SEC))
        if let path = options.regressions { keep(totals.failures, path) }
        let missing = MarkReport(marks).missing
        if totals.failures.isEmpty, !missing.isEmpty { print("never met:\n  " + missing.joined(separator: "\n  ")) }
        if isBroken || !totals.failures.isEmpty || !totals.unstable.isEmpty { return 1 }
        return missing.isEmpty ? 0 : 3
    }

    private func work(_ next: Counter, _ stop: Counter, _ began: ContinuousClock.Instant) -> Totals {
        var totals = Totals()
        let marks = Marks()
        let limit = options.seconds.map { Duration.seconds($0) } ?? (options.seeds == nil ? .seconds(10) : nil)
        while stop.value == 0 {
            if let limit, began.duration(to: .now) > limit { break }
            let seed = next.take()
            if let seeds = options.seeds, seed - options.firstSeed >= seeds { break }
            let outcome = Self.outcome(of: seed, bug: nil, marks: marks)
            totals.seeds += 1
            totals.actions += outcome.actions
            totals.events += outcome.events
            if outcome.violation != nil {
                totals.failures.append(outcome)
                _ = stop.take()
            }
            if totals.seeds % 100 == 1 {
                let again = Self.outcome(of: seed, bug: nil, marks: Marks())
                if again.hash != outcome.hash || again.actions != outcome.actions { totals.unstable.append(seed) }
            }
        }
        totals.counts = marks.counts
        return totals
    }

    private func report(_ totals: Totals, _ took: Duration, processorSeconds: Double) {
        let seeds = Double(max(1, totals.seeds))
        let perSecond = Double(totals.seeds) / max(0.001, processorSeconds)
        print(
            """
            \(totals.seeds) seeds from \(options.firstSeed) in \(took.components.seconds) s on \(options.threads) threads: \
            \(Int(perSecond)) seeds a second of one core, \(Int(Double(totals.actions) / seeds)) simulated and \
            \(Int(Double(totals.events) / seeds)) stored events a seed, \(totals.failures.count) violations
            """)
    }

    /// A seed that failed is replayed first from now on.
    private func keep(_ failures: [Outcome], _ path: String) {
        guard !failures.isEmpty, let file = FileHandle(forWritingAtPath: path) else { return }
        do {
            try file.seekToEnd()
            for failure in failures {
                try file.write(contentsOf: Data("\(failure.seed) \(failure.violation ?? "")\n".utf8))
            }
            print("kept in \(path)")
        } catch {
            print("\(path) cannot be written: \(error.localizedDescription)")
        }
    }

    /// Seeds that once failed, one a line; what follows the number is for people.
    private func regressions() -> [UInt64] {
        guard let path = options.regressions else { return [] }
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            print("\(path) cannot be read; no regression is replayed")
            return []
        }
        return text.split(separator: "\n").compactMap { line in
            line.hasPrefix("#") ? nil : line.split(separator: " ").first.flatMap { UInt64($0) }
        }
    }

    // MARK: Planted bugs

    private func hunt() async -> Int32 {
        let most = options.seeds ?? 100_000
        let first = options.firstSeed
        let bugs = options.bug.map { [$0] } ?? Bug.allCases
        let next = Counter(0)
        let found = await withTaskGroup(of: [(Int, UInt64, String?)].self) { group in
            for _ in 0..<options.threads {
                group.addTask {
                    var mine: [(Int, UInt64, String?)] = []
                    while true {
                        let index = Int(next.take())
                        guard bugs.indices.contains(index) else { return mine }
                        mine.append(Self.hunt(bugs[index], index, first: first, most: most))
                    }
                }
            }
            var all: [(Int, UInt64, String?)] = []
            for await part in group { all += part }
            return all.sorted { $0.0 < $1.0 }
        }
        let isTable = !options.isBrief || found.contains { $0.2 == nil }
        if isTable { print("planted bug                          seeds  found by") }
        for (index, seeds, violation) in found where isTable {
            let name = bugs[index].rawValue.padding(toLength: 34, withPad: " ", startingAt: 0)
            let count = String(repeating: " ", count: max(0, 8 - "\(seeds)".count)) + "\(seeds)"
            print("\(name)\(count)  \(violation ?? "NOT FOUND")")
        }
        let escaped = found.count { $0.2 == nil }
        print("\(found.count - escaped) of \(found.count) planted bugs found")
        return escaped == 0 ? 0 : 1
    }

    private static func hunt(_ bug: Bug, _ index: Int, first: UInt64, most: UInt64) -> (Int, UInt64, String?) {
        for number in 1...max(1, most) {
            let outcome = outcome(of: first &+ number - 1, bug: bug, marks: Marks())
            if let violation = outcome.violation { return (index, number, violation) }
        }
        return (index, most, nil)
    }
}

/// Seeds handed out to threads.
final class Counter: Sendable {
    private let next: Atomic<UInt64>

    init(_ first: UInt64) { next = Atomic(first) }

    var value: UInt64 { next.load(ordering: .relaxed) }

    func take() -> UInt64 { next.wrappingAdd(1, ordering: .relaxed).oldValue }
}
