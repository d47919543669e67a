import WorkflowCore

/// What a platform does against all sense, in ten thousandths of its occasions. Drawn apart from the faults, so that a
/// world without lies goes as it always went.
struct Lies {
    /// Creates that take effect after the client has given up.
    var lateEffect = 0
    var unfilteredList = 0
    var fuzzyList = 0
    /// An answer of a replica that does not know what is young.
    var staleList = 0
    /// A create answers with the thing of that name that is there.
    var inUse = 0
    /// For so long a create is in progress, and the same idempotency value a conflict. In milliseconds.
    var inProgressMilliseconds: Int64 = 0
    /// Items on a page of a list.
    var pageSize = Int.max
    /// How many times in a seed it stands still, and works off its queue on waking.
    var freezes = 0
    /// Of names that people choose: others have the name before.
    var namesake = 0
    /// One run whose answers break off, and nobody else's do.
    var victim: Int?

    /// So late a request may take effect after its client's deadline. With the longest standstill that no look-up
    /// notices, the time it takes to work off a queue, and the delay of lists, less than what the definitions say.
    static let lateMilliseconds: Int64 = 8000
    static let workingOffMilliseconds: Int64 = 2000

    static func drawn(_ chance: inout Chance) -> Lies {
        var lies = Lies()
        // A list that runs to many pages on an honest platform is no lie.
        lies.pageSize = chance.pick([2, 5, 20])
        guard chance.below(4) > 0 else { return lies }
        func rate(_ chance: inout Chance) -> Int { chance.below(2) == 0 ? 0 : 1 + chance.below(4000) }
        lies.lateEffect = rate(&chance)
        lies.unfilteredList = rate(&chance)
        lies.fuzzyList = rate(&chance)
        lies.staleList = rate(&chance)
        lies.inUse = rate(&chance)
        lies.inProgressMilliseconds = chance.pick([0, 1000, 10_000])
        lies.freezes = chance.below(4)
        lies.namesake = rate(&chance)
        lies.victim = chance.below(3) == 0 ? chance.below(10) : nil
        return lies
    }

    /// The platform tells the truth from now on.
    mutating func end() {
        let size = pageSize
        self = Lies()
        pageSize = size
    }
}

extension World {
    /// Whether the platform lies now; it leaves its mark.
    func lies(_ lie: Fault, _ rate: Int, _ cell: Int?) -> Bool {
        guard lieChance.hits(rate) else { return false }
        marks.hit(lie, cell: cell)
        return true
    }

    /// Others make their things, and the platform stands still now and then.
    func setUpLies() {
        guard tellsLies else { return }
        lies = Lies.drawn(&lieChance)
        for _ in 0..<lies.freezes {
            after(lieChance.between(500, 90_000) * 1000) { self.freeze() }
        }
    }

    /// Somebody else takes the name first, or soon.
    func plantNamesake(of run: Int) {
        guard Fixtures.all[store.runs[run].fixture].sharesNames, lies(.namesake, lies.namesake, nil) else { return }
        let name = reference(of: run)
        after(lieChance.below(2) == 0 ? 0 : lieChance.between(0, 30_000) * 1000) {
            guard !self.isHealed else { return }
            self.platform.addStranger(name, at: self.now)
            self.trace.note("somebody else makes \(name)")
        }
    }

    private func freeze() {
        guard !isHealed, !platform.isFrozen else { return }
        platform.isFrozen = true
        marks.hit(.frozen)
        let span = lieChance.pick([2000, 12_000, 40_000])
        trace.note("the platform stands still for \(span) ms")
        after(Int64(span) * 1000) { self.thaw() }
    }

    /// It works off what it was asked, in any order.
    func thaw() {
        guard platform.isFrozen else { return }
        platform.isFrozen = false
        trace.note("the platform goes on, with \(platform.queued.count) requests in its queue")
        let queued = platform.queued
        platform.queued = []
        for request in queued {
            after(lieChance.between(0, Lies.workingOffMilliseconds) * 1000) { request() }
        }
    }
}
