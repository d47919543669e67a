import Testing
import WorkflowCore

/// A request's deadline is 30 s and `after` 10 s, so it may take effect until 70 s after it was sent.
@Suite("One observation proves no absence")
struct EngineProofTests {
    private func lost(_ definition: Definition) throws -> TestRun {
        var run = try TestRun(definition, random: .max / 2)
        try run.claim()
        #expect(try run.finish(.unknown("timeout"), after: 30_000).waits == 10_000)
        #expect(try run.claim(after: 10_000).purpose == .lookup)
        return run
    }

    @Test
    func `nothing counts as made after two look-ups, the first of them begun after the request's last chance to work`()
        throws
    {
        var run = try lost(asked())
        // 40 s after it was sent: too early to prove anything.
        let rest = try #require(try run.finish(.foundNone).waits)
        #expect((29_000...30_000).contains(rest))
        #expect(run.state.unknown?.emptyLooks == 0)
        try run.claim(after: rest)
        #expect(try run.finish(.foundNone).waits == 40_000)
        #expect(run.state.unknown?.emptyLooks == 1 && run.state.ownsKey)
        try run.claim(after: 40_000)
        let retry = try #require(try run.finish(.foundNone).waits)
        #expect(run.written.last?.body["settled"] == "resend")
        #expect(try run.claim(after: retry).purpose == .call)
    }

    @Test func `a look-up begun too early does not count, however late its answer comes`() throws {
        var run = try lost(asked())
        #expect(try run.finish(.foundNone, after: 100_000).waits != nil)
        #expect(run.state.unknown?.emptyLooks == 0)
    }

    @Test func `the time of a request whose worker was lost counts from the takeover, not from the intent`() throws {
        var run = try TestRun(asked(), random: .max / 2)
        try run.claim()
        #expect(try run.claim(after: 60_000).waits == 10_000)
        #expect(run.state.unknown?.effect?.milliseconds == 40_000)
    }

    @Test func `one find settles at once, whatever the look-ups before it said`() throws {
        var run = try lost(asked())
        let rest = try #require(try run.finish(.foundNone).waits)
        try run.claim(after: rest)
        let every = try #require(try run.finish(.foundNone).waits)
        try run.claim(after: every)
        #expect(try run.finish(.foundOne).calls == "token-pending")
    }

    @Test(arguments: [AttemptResult.unknown("timeout"), .unknown("http.502", status: 502), .refused])
    func
        `a look-up without a complete answer starts the time and the count anew: a platform that froze works off its queue`(
            _ failure: AttemptResult
        ) throws
    {
        var run = try lost(asked())
        let rest = try #require(try run.finish(.foundNone).waits)
        try run.claim(after: rest)
        let every = try #require(try run.finish(.foundNone).waits)
        #expect(run.state.unknown?.emptyLooks == 1)
        try run.claim(after: every)
        let again = try #require(try run.finish(failure).waits)
        try run.claim(after: again)
        // The first complete answer after the trouble proves nothing.
        #expect(try run.finish(.foundNone).waits == 40_000)
        #expect(run.state.unknown?.emptyLooks == 0)
        try run.claim(after: 40_000)
        #expect(try run.finish(.foundNone).waits == 40_000)
        #expect(run.state.unknown?.emptyLooks == 1)
    }

    @Test func `a refusal that the platform gives in full does not start the time anew`() throws {
        var run = try lost(asked(retry: [RetryEntry(errors: ["http.401"], policy: Sample.outage)]))
        let rest = try #require(try run.finish(.foundNone).waits)
        try run.claim(after: rest)
        let every = try #require(try run.finish(.foundNone).waits)
        try run.claim(after: every)
        let again = try #require(
            try run.finish(AttemptResult(outcome: .notDone, error: "http.401", status: 401, evidence: ["status": 401]))
                .waits)
        try run.claim(after: again)
        #expect(try run.finish(.foundNone).waits != nil)
        #expect(run.written.last?.body["settled"] == "resend")
    }

    @Test func `items of others, though the request filters by our value, prove nothing and never lead to a resend`()
        throws
    {
        let definition = asked(filter: .exact, withinMilliseconds: 200_000)
        var run = try lost(definition)
        let others = AttemptResult(outcome: .done, status: 200, found: 0, listed: 3)
        var looks = 1
        while let wait = try run.finish(others).waits {
            #expect(run.written.last?.body["inconclusive"]?.stringValue?.contains("3 items") == true)
            #expect(try run.claim(after: wait).purpose == .lookup)
            looks += 1
        }
        #expect(run.state.status == .held && looks > 3 && run.state.ownsKey)
        #expect(run.state.hold?.error == "inconclusive" && run.state.reason?.contains("3 items") == true)

        // With a filter that is not exact, and with a whole list, others may be there.
        for filter in [LookUpFilter.loose, .none] {
            var loose = try lost(asked(filter: filter))
            let rest = try #require(try loose.finish(others).waits)
            try loose.claim(after: rest)
            #expect(try loose.finish(others).waits != nil)
            #expect(loose.state.unknown?.emptyLooks == 1)
        }
    }

    @Test
    func `a list is read to its end: only then does it tell what is there, and with too many pages it tells nothing`()
        throws
    {
        let definition = asked(pages: LookUpPages(.link, most: 3))
        var run = try lost(definition)
        let page = AttemptResult(outcome: .done, status: 200, found: 0, listed: 20, nextPage: "/clients?page=2")
        guard case .call(let second) = try run.finish(page) else { throw BrokenPromise("no second page") }
        #expect(second.purpose == .lookup && second.page?.number == 2 && second.page?.next == "/clients?page=2")
        #expect(try run.finish(.foundOne).calls == "token-pending")

        var long = try lost(definition)
        for number in 2...3 { #expect(try long.finish(self.page("/clients?page=\(number)")).purpose == .lookup) }
        #expect(try long.finish(self.page("/clients?page=4")).waits == 40_000)
        #expect(long.written.last?.body["inconclusive"] == "the list has more than 3 pages")
        #expect(long.written.last?.body["listed"] == 60)

        // A page that fails makes the whole list unread.
        var broken = try lost(definition)
        #expect(try broken.finish(page).purpose == .lookup)
        let wait = try #require(try broken.finish(.unknown("http.500", status: 500)).waits)
        guard case .call(let anew) = try broken.claim(after: wait) else { throw BrokenPromise("no look-up") }
        #expect(anew.page == nil)
    }

    private func page(_ next: String) -> AttemptResult {
        AttemptResult(outcome: .done, status: 200, found: 0, listed: 20, nextPage: next)
    }

    @Test(arguments: [1, 2, 3, 5, 8])
    func `a list that goes round is no proof, and is left after few pages, by cursors that come again`(_ pages: Int)
        throws
    {
        var run = try lost(asked(pages: LookUpPages(.link)))
        var read = 0
        var next = NextStep.held
        repeat {
            next = try run.finish(page("c\(read % pages)"))
            read += 1
        } while next.purpose == .lookup && read < 50
        #expect(next.waits == 40_000)
        #expect(read <= 3 * pages + 1, "\(read) requests for \(pages) pages")
        let doubt = "page \(read) of the list leads back to a page that was read already"
        #expect(run.written.last?.body["inconclusive"] == .string(doubt))
        #expect(run.state.unknown?.emptyLooks == 0)
        // The same answer at the next look-up: it begins with its first page.
        guard case .call(let anew) = try run.claim(after: 40_000) else { throw BrokenPromise("no look-up") }
        #expect(anew.page == nil)
    }

    @Test func `a page that fails each time does not go on for ever: its tries are counted over the pages before it`()
        throws
    {
        var run = try lost(asked(pages: LookUpPages(.link), withinMilliseconds: 100_000))
        let begin = run.now
        let page = AttemptResult(outcome: .done, status: 200, found: 0, listed: 20, nextPage: "/clients?page=2")
        var tries = 0
        while run.state.status == .live, tries < 1000 {
            #expect(try run.finish(page).purpose == .lookup)
            tries += 1
            guard let wait = try run.finish(.unknown("http.500", status: 500)).waits else { break }
            try run.claim(after: wait)
        }
        #expect(run.state.status == .held && tries < 20)
        #expect(run.now.milliseconds(since: begin) <= 160_000)
    }

    @Test func `a look-up counts from its first page`() throws {
        var run = try lost(asked(pages: LookUpPages(.link)))
        try run.finish(AttemptResult(outcome: .done, status: 200, found: 0, listed: 1, nextPage: "/2"))
        #expect(try run.finish(.foundNone, after: 100_000).waits != nil)
        #expect(run.state.unknown?.emptyLooks == 0)
    }

    @Test func `a 409 that the definition names is the definition's, also after an unknown outcome`() throws {
        let conflict = AttemptResult(outcome: .notDone, error: "in_progress", status: 409)
        let key = IdempotencyDefinition(header: "Key", honouredMilliseconds: 600_000)
        let wait = RetryPolicy(name: "wait", delayMilliseconds: 3000, backoff: 1, jitter: .none)
        var retried = try TestRun(
            asked(retry: [RetryEntry(errors: ["in_progress"], policy: wait)], idempotency: key), random: .max / 2)
        try retried.claim()
        let again = try #require(try retried.finish(.unknown("timeout")).waits)
        try retried.claim(after: again)
        #expect(try retried.finish(conflict).waits == 3000)
        #expect(try retried.claim(after: 3000).purpose == .call)

        // What nobody names is looked up, and never resent by the built-in retry.
        var unnamed = try TestRun(asked(idempotency: key), random: .max / 2)
        try unnamed.claim()
        let second = try #require(try unnamed.finish(.unknown("timeout")).waits)
        try unnamed.claim(after: second)
        #expect(try unnamed.finish(conflict).waits == 10_000)
        #expect(try unnamed.claim(after: 10_000).purpose == .lookup)
    }
}

@Suite("Only what the run made is the run's")
struct EngineAdoptionTests {
    private func found(_ definition: Definition) throws -> TestRun {
        var run = try TestRun(definition, random: .max / 2)
        try run.claim()
        try run.finish(.unknown("timeout"), after: 30_000)
        try run.claim(after: 10_000)
        // Without a mark of ours it waits for the request's last chance to work.
        if let wait = try run.finish(.foundOne).waits, run.state.unknown?.isLookedUp == true {
            #expect((29_000...30_000).contains(wait) && run.state.data["session"] == nil)
            try run.claim(after: wait)
            try run.finish(.foundOne)
        }
        return run
    }

    @Test func `what is found by a name that others may use is adopted: a later failure takes nothing back`() throws {
        var run = try found(asked(condition: "item.name == input.number"))
        #expect(run.state.isAdopted && run.state.state == "token-pending")
        #expect(run.events.contains { $0.body["made"] == false })
        #expect(try run.finish(.refusedForGood) == .ended)
        #expect(run.state.status == .failed && !run.types.contains("undo.started"))
        // The lost request may have made something beside it.
        #expect(run.state.ownsKey)
    }

    @Test func `where the definition says so, what was adopted is taken back as well`() throws {
        var run = try found(asked(undoesAdopted: true, condition: "item.name == input.number"))
        #expect(run.state.isAdopted)
        #expect(try run.finish(.refusedForGood).purpose == .undo)
    }

    @Test(arguments: [
        "item.reference == run.id", "item.a == 'x' && item.note.contains(run.id)", "'line-' + run.id == item.reference",
    ])
    func `what bears a mark that only this run can have left is made, and taken back`(_ condition: String) throws {
        var run = try found(asked(condition: condition))
        #expect(!run.state.isAdopted)
        #expect(try run.finish(.refusedForGood).purpose == .undo)
    }

    @Test(arguments: [
        "item.reference == run.id || item.name == input.number", "item.reference != run.id",
        "item.name + run.id == input.number + run.id", "size(item.reference) == size(run.id)",
        "run.id.startsWith(item.reference)", "(item.reference == run.id) == (item.name == 'x')",
        "item.reference == (run.id == '' ? '' : item.reference)", "item.reference == string(size(run.id))",
    ])
    func `a condition that may hold for an item without the mark proves nothing`(_ condition: String) throws {
        let run = try found(asked(condition: condition))
        #expect(run.state.isAdopted)
    }

    @Test func `what may be of others is never deleted to be made anew: it is held`() throws {
        let run = try found(asked(one: .replace, condition: "item.name == input.number"))
        #expect(run.state.status == .held && run.state.hold?.error == "one_found")
    }

    @Test func `a secret of a find that must wait counts as a version: the next one can be stored beside it`()
        throws
    {
        var run = try TestRun(asked(condition: "item.name == input.number"), random: .max / 2)
        try run.claim()
        try run.finish(.unknown("timeout"), after: 30_000)
        try run.claim(after: 10_000)
        let key = SealedReference(name: "api_key", version: 1, fingerprint: "0a1b2c3d", length: 32)
        try run.finish(AttemptResult(outcome: .done, status: 200, sealed: [key], found: 1))
        #expect(run.state.unknown?.isLookedUp == true)
        #expect(run.state.nextVersion(ofSecret: "api_key") == 2)
    }

    @Test func `by a name, a find on a page of a list that goes on is for a person: there may be others`() throws {
        let page = AttemptResult(
            outcome: .done, status: 200, saved: ["session": "s-1"], found: 1, listed: 20, nextPage: "/clients?page=2")
        var run = try TestRun(
            asked(condition: "item.name == input.number", pages: LookUpPages(.link)), random: .max / 2)
        try run.claim()
        try run.finish(.unknown("timeout"), after: 30_000)
        try run.claim(after: 10_000)
        let wait = try #require(try run.finish(page).waits)
        try run.claim(after: wait)
        #expect(try run.finish(page) == .held)
        #expect(run.state.hold?.candidates.count == 1)
    }

    @Test func `a success that made nothing, after an answer that was lost, may leave what the lost request made`()
        throws
    {
        let call = Sample.call("put", "/one", isRepeatable: true, save: [("session", "${response.body.id}")])
        let definition = Sample.definition(
            start: "one",
            [
                StateDefinition(
                    name: "one", action: .call(call), exit: .next("two"),
                    undo: Sample.undo("delete", "/one/${data.session}")),
                StateDefinition(name: "two", action: .call(Sample.token), exit: .next("active")),
            ])
        var run = try TestRun(definition, random: .max / 2)
        try run.claim()
        let wait = try #require(try run.finish(.unknown("timeout")).waits)
        try run.claim(after: wait)
        try run.finish(AttemptResult(outcome: .done, status: 200, saved: ["session": "s-1"], isMade: false))
        #expect(try run.finish(.refusedForGood) == .ended)
        #expect(run.state.status == .failed && run.state.ownsKey)
    }

    @Test func `a create whose success made nothing arms no undo, and leaves nothing behind`() throws {
        var run = try TestRun(asked(), random: .max / 2)
        try run.claim()
        let there = AttemptResult(outcome: .done, status: 200, saved: ["session": "s-1"], isMade: false)
        #expect(try run.finish(there).calls == "token-pending")
        #expect(run.state.isAdopted && run.state.undoList.isEmpty)
        #expect(try run.finish(.refusedForGood) == .ended)
        #expect(run.state.status == .failed && !run.state.ownsKey)
    }

    @Test func `what a person says is ours by a name is adopted, and not taken back`() throws {
        let definition = asked(one: .hold, condition: "item.name == input.number")
        var run = try found(definition)
        #expect(run.state.status == .held)
        try run.take(try run.state.resolving(.adopt, reason: "seen", definition))
        #expect(run.state.isAdopted && run.state.undoList.isEmpty && run.state.mayHaveLeftSomething)
    }
}
