import WorkflowCore

extension RunDriver {
    /// One request, under one deadline. The answer in the socket is read before the deadline counts.
    func transmit(
        _ planned: PlannedCall, _ id: Identifier, timeoutMilliseconds: Int64,
        then: @escaping (AttemptResult) -> Void
    ) {
        let stateCell = cell(planned.state)
        if world.platform.isDown || world.fired(.refused, world.faults.refused, stateCell) {
            process.later(world.milliseconds(1, 300), at: .answer, run: run) {
                then(AttemptResult(outcome: .notDone, error: "unreachable", isCounted: false))
            }
            return
        }
        let (process, incarnation) = (process, process.incarnation)
        let (store, run, token, world) = (store, run, token, world)
        world.checker.departs(
            run, attempt: id, lease: store.runs[run].lease, token: token, limit: store.tables.service.concurrent,
            at: world.databaseTime, until: world.now + timeoutMilliseconds * 1000,
            isAlive: { process.incarnation == incarnation },
            canRenew: { [departure = world.now, generation = store.generation, weak self] in
                self?.canRenew(since: departure, generation: generation) ?? false
            },
            isLeased: { store.runs[run].lease.map { $0.token == token && $0.expires > world.databaseTime } ?? false })
        guard let request = request(planned, id) else { return finish() }
        let exchange = Exchange(process, request, state, cell: stateCell, then)
        exchange.start(timeoutMilliseconds: timeoutMilliseconds)
    }

    private func request(_ planned: PlannedCall, _ id: Identifier) -> Request? {
        guard let kind = planned.call.name.flatMap(CallKind.init) else {
            world.checker.fail("WORLD", run: run, "a call that the platform does not know: \(planned.call.name ?? "")")
            return nil
        }
        return Request(
            attempt: id, run: run, kind: kind, purpose: planned.purpose, reference: world.reference(of: run),
            thing: planned.data["thing"]?.stringValue.flatMap { Int($0) },
            apiKey: planned.secrets.first { $0.reference.name == "api_key" }?.reference.fingerprint,
            idempotencyValue: planned.call.idempotency == nil ? nil : planned.idempotencyKey,
            refusesTwins: fixture.refusesTwins, seesGone: fixture.seesGone,
            asksFor: fixture.sharesNames ? nil : world.reference(of: run),
            behind: planned.page.flatMap { Int($0.next) } ?? 0)
    }

    /// What the answer means by the definition, as the production classification has it.
    static func judged(
        _ reply: Reply, _ request: Request, _ state: RunState, trustsFilter: Bool = false
    ) -> AttemptResult {
        let kind = request.kind
        let retryAfter = reply.retryAfterMilliseconds
        switch reply.status {
        case 200...299:
            var saved = JSONObject()
            var sealed: [SealedReference] = []
            func save(_ field: String, _ name: String) -> Bool {
                guard let value = reply.body[field] else { return false }
                saved[name] = .string(value)
                return true
            }
            func seal(_ field: String, _ name: String) -> Bool {
                guard let value = reply.body[field] else { return false }
                sealed.append(
                    SealedReference(
                        name: name, version: state.nextVersion(ofSecret: name), fingerprint: value,
                        length: value.utf8.count))
                return true
            }
            if let items = reply.items {
                let ours = trustsFilter ? Array(items.prefix(1)) : items.filter { $0.reference == request.reference }
                let found = ours.map {
                    JSONObject([("thing", .string("\($0.id)"))])
                }
                return AttemptResult(
                    outcome: .done, status: reply.status, saved: found.count == 1 ? found[0] : JSONObject(),
                    found: found.count, listed: items.count, nextPage: reply.next,
                    candidates: found.count > 1 ? found : [])
            }
            let isComplete =
                switch kind {
                case .create: save("session", "session") && seal("apiKey", "api_key")
                case .token: seal("token", "token")
                case .put, .add, .addKeyed: save("id", "thing")
                case .addWithKey: save("id", "thing") && seal("apiKey", "api_key")
                case .list: false
                case .check, .remove, .attach, .detach: true
                }
            guard isComplete else {
                return AttemptResult(outcome: .unknown, error: "bad_answer", status: reply.status)
            }
            return AttemptResult(
                outcome: .done, status: reply.status, saved: saved, sealed: sealed,
                isMade: reply.body["status"] != "in-use")
        case 404 where kind == .remove || kind == .detach:
            return AttemptResult(outcome: .done, status: reply.status)
        case 429:
            return AttemptResult(
                outcome: .notDone, error: "http.429", status: 429, isCounted: false, retryAfterMilliseconds: retryAfter)
        case 400...499:
            return AttemptResult(outcome: .notDone, error: reply.error, status: reply.status)
        default:
            return AttemptResult(
                outcome: .unknown, error: reply.error, status: reply.status, retryAfterMilliseconds: retryAfter)
        }
    }
}

/// One request and its answer on their ways.
final class Exchange {
    private let process: Process
    private var request: Request
    private let state: RunState
    private let cell: Int?
    private let then: (AttemptResult) -> Void
    private let asker: Int
    private var reply: Reply?
    private var isRead = false
    private var isSlow = false
    private var isLost = false
    /// It takes effect when nobody waits for it any more.
    private var isLate = false
    private var isLiedTo: Bool { Fixtures.all[world.store.runs[request.run].fixture].isLiedTo }

    private var world: World { process.world }

    init(
        _ process: Process, _ request: Request, _ state: RunState, cell: Int?,
        _ then: @escaping (AttemptResult) -> Void
    ) {
        self.process = process
        asker = process.incarnation
        self.request = request
        self.state = state
        self.cell = cell
        self.then = then
    }

    func start(timeoutMilliseconds: Int64) {
        process.later(timeoutMilliseconds * 1000, at: .deadline, run: request.run) { [self] in read() }
        if world.fired(.requestLost, world.faults.requestLost, cell) { return }
        isSlow = world.fired(.slowAnswer, world.faults.slowAnswer, cell)
        isLost = world.fired(.answerLost, world.faults.answerLost, cell)
        var there = isSlow ? world.milliseconds(500, timeoutMilliseconds) : world.milliseconds(1, 60)
        if isLiedTo, request.purpose == .call, cell != nil, request.isCreating,
            world.lies(.lateEffect, world.lies.lateEffect, cell)
        {
            there = (timeoutMilliseconds + world.lieChance.between(0, Lies.lateMilliseconds)) * 1000
            takeForLater()
        }
        if world.lies.victim == request.run, !world.isHealed, request.kind != .list {
            world.marks.hit(.brokenOff, cell: cell)
            isLost = true
        }
        world.after(there) { [self] in arrive() }
        if world.bug == .transportSendsTwice, isLost { world.after(there + 100_000) { [self] in arrive() } }
    }

    private func takeForLater() {
        isLate = true
        request.takenAt = request.takenAt ?? world.now
    }

    private func arrive() {
        if isLiedTo, world.platform.isFrozen {
            takeForLater()
            world.platform.queued.append { [self] in arrive() }
            return
        }
        guard let answer = world.receive(request, isLiedTo: isLiedTo, isLate: isLate, cell: cell), !isLost else {
            return
        }
        world.after(world.milliseconds(1, isSlow ? 4000 : 60)) { [self] in
            reply = answer
            process.later(0, at: .answer, run: request.run, for: asker) { [self] in read() }
        }
    }

    /// Called when there is an answer, and when the deadline is over.
    private func read() {
        guard !isRead else { return }
        isRead = true
        world.checker.returns(request.attempt)
        let result = reply.map { RunDriver.judged($0, request, state, trustsFilter: world.bug == .filterTrusted) }
        then(result ?? AttemptResult(outcome: .unknown, error: "timeout"))
    }
}

extension World {
    /// Whether a fault happens now; it leaves its mark.
    func fired(_ fault: Fault, _ rate: Int, _ cell: Int?) -> Bool {
        guard chance.hits(rate) else { return false }
        marks.hit(fault, cell: cell)
        return true
    }

    /// A request reaches the platform. Nil: no answer ever comes.
    func receive(_ request: Request, isLiedTo: Bool, isLate: Bool, cell: Int?) -> Reply? {
        checker.arrives(request, store, isLate: isLate, at: databaseTime)
        trace.mix(request.attempt.low)
        if fired(.tooMany, faults.tooMany, cell) {
            return Reply(status: 429, retryAfterMilliseconds: chance.pick([nil, 0, 2000, 120_000]))
        }
        if fired(.errorBefore, faults.errorBefore, cell) { return Reply(status: chance.pick([500, 502, 503])) }
        if fired(.refusal, faults.refusal, cell) { return Reply(status: 400) }
        if let again = platform.remembered(request, at: now, inProgress: isLiedTo ? lies.inProgressMilliseconds : 0) {
            if again.error == "in_progress" { marks.hit(.inProgress, cell: cell) }
            return again
        }
        if request.kind == .check, fired(.wrongReplica, faults.wrongReplica, cell) { return Reply(status: 404) }
        if request.kind == .list, request.refusesTwins, fired(.wrongReplica, faults.wrongReplica, cell) {
            checker.isLiedTo(request.run)
            return Reply(status: 200, items: [])
        }
        if request.kind == .remove, request.seesGone, fired(.deleteIgnored, faults.deleteIgnored, cell) {
            return Reply(status: chance.pick([204, 404]))
        }
        checker.takesBack(request, platform)
        var reply =
            lie(request, isLiedTo: isLiedTo, cell: cell)
            ?? platform.perform(
                request, at: now, activation: faults.activationMilliseconds,
                lag: isHealed ? 0 : chance.between(0, Fixtures.readLagMilliseconds))
        trace.note("platform: \(request.kind.rawValue) of run \(request.run) answers \(reply.status)")
        trace.mix(UInt64(reply.status))
        if reply.status == 403 { marks.hit(.notYetActive, cell: cell) }
        if reply.status == 409 { marks.hit(.conflict, cell: cell) }
        if fired(.errorAfter, faults.errorAfter, cell) { reply = Reply(status: chance.pick([500, 502, 504])) }
        platform.remember(request, reply, at: now)
        if reply.status == 409 { checker.conflicts(request) }
        if reply.status < 300, !reply.body.isEmpty, fired(.truncated, faults.truncated, cell) { reply.body = [:] }
        checker.platformHolds(request.run, living: platform.living(madeBy: request.run), store)
        return reply
    }

    /// What the platform that lies answers in place of the truth.
    private func lie(_ request: Request, isLiedTo: Bool, cell: Int?) -> Reply? {
        guard isLiedTo else { return nil }
        if request.kind == .list {
            var list = ListLies()
            list.isFuzzy = lies(.fuzzyList, lies.fuzzyList, cell)
            list.isUnfiltered = lies(.unfilteredList, lies.unfilteredList, cell)
            if lies(.staleList, lies.staleList, cell) { list.lag = Fixtures.readLagMilliseconds }
            let reply = platform.list(request, at: now, list, pageSize: lies.pageSize)
            if reply.next != nil { marks.hit(.furtherPage, cell: cell) }
            return reply
        }
        // What others made is not for this run to use.
        if request.kind == .check, let thing = platform.thing(request.thing), thing.isAlive, thing.run != request.run {
            return Reply(status: 403)
        }
        if request.isCreating, request.asksFor == nil, let there = platform.newestLiving(request.reference),
            lies(.inUse, lies.inUse, cell)
        {
            return Reply(status: 200, body: ["id": "\(there.id)", "status": "in-use"])
        }
        return nil
    }
}
