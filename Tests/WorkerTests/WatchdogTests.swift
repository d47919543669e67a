import EventStore
import ServiceLifecycle
import TestSupport
import Testing
import WorkflowCore

@testable import Worker

/// The watchdog over a real socket, with loops that really stand still.
@Suite("Watchdog", .timeLimit(.minutes(15)))
struct WatchdogTests {
    /// Runs a worker under supervision with little patience.
    private func supervised(
        _ workshop: Workshop, intervalMicroseconds: Int = 90_000,
        _ body: (NotifySocket, WorkerMonitor) async throws -> Void
    ) async throws {
        let socket = try NotifySocket()
        defer { socket.stop() }
        let manager = try #require(
            ServiceManager(environment: ["NOTIFY_SOCKET": socket.name, "WATCHDOG_USEC": "\(intervalMicroseconds)"]))
        let monitor = WorkerMonitor(configuration: workshop.configuration, logger: workshop.log.logger)
        let supervision = Supervision(monitor: monitor, manager: manager, logger: workshop.log.logger)
        let watching = Task { await supervision.run() }
        try await workshop.withWorker(monitor: monitor) { try await body(socket, monitor) }
        watching.cancel()
        await watching.value
    }

    /// A workshop in which a loop may stand still for a second and a half.
    private func impatient(_ script: @escaping TinyServer.Script = { TinyServer.good($0) }) async throws -> Workshop {
        var workshop = try await Workshop(script)
        workshop.configuration.stallMilliseconds = 1500
        workshop.configuration.leaseMilliseconds = 1000
        return workshop
    }

    /// Fed no more: the socket stays silent about it for several intervals, though everything else goes on being said.
    private func starves(_ socket: NotifySocket) async throws {
        let isStarved = await socket.bell.eventually {
            guard let last = socket.messages.last(where: { $0.lines.contains("WATCHDOG=1") }) else { return false }
            return socket.messages.count { $0.at > last.at } >= 5
        }
        try #require(isStarved, "the watchdog is still fed")
    }

    @Test func `while the loops move the watchdog is fed three times an interval, and READY comes once`() async throws {
        let workshop = try await impatient()
        let run = try await workshop.enqueue()
        // Long enough that a busy machine is told from a watchdog that is fed too seldom.
        try await supervised(workshop, intervalMicroseconds: 1_500_000) { socket, _ in
            try await workshop.reaches(.succeeded, run)
            try #require(await socket.bell.eventually { socket.count("WATCHDOG=1") >= 7 })
            #expect(socket.count("READY=1") == 1)
            let gaps = zip(socket.messages, socket.messages.dropFirst()).map { $0.at.duration(to: $1.at) }
            #expect(gaps.sorted()[gaps.count / 2] <= .milliseconds(720))
        }
    }

    @Test func `READY waits for the first claim that the database answers, however long it is away at the start`()
        async throws
    {
        let workshop = try await impatient()
        workshop.store.set { $0.isAway = true }
        try await supervised(workshop) { socket, monitor in
            let isAway = await socket.bell.eventually {
                socket.values("STATUS").contains { $0.contains("database away for 1 s") }
            }
            try #require(isAway)
            #expect(workshop.store.count("refused") > 0)
            #expect(socket.count("READY=1") == 0 && monitor.condition().phase == .starting)
            workshop.store.set { $0.isAway = false }
            try #require(await socket.bell.eventually { socket.count("READY=1") == 1 })
        }
    }

    @Test func `STOPPING is told when the end begins, and no second READY after it`() async throws {
        let workshop = try await impatient()
        var said: [String] = []
        try await supervised(workshop) { socket, monitor in
            try #require(await socket.bell.eventually { socket.count("READY=1") == 1 })
            monitor.enter(.stopping)
            try #require(await socket.bell.eventually { socket.count("STOPPING=1") == 1 })
            monitor.enter(.running)
            try #require(await eventually { monitor.condition().phase == .stopping })
            said = socket.messages.flatMap(\.lines)
        }
        #expect(said.count { $0 == "READY=1" || $0 == "STOPPING=1" } == 2)
    }

    @Test
    func `a claim that never returns starves the watchdog and is said in the log; when it returns, feeding goes on`()
        async throws
    {
        let workshop = try await impatient()
        let gate = Gong()
        try await supervised(workshop) { socket, monitor in
            // Also when it fails: the worker must be able to end.
            defer { gate.strike() }
            try #require(await socket.bell.eventually { socket.count("READY=1") == 1 })
            workshop.store.set { $0.beforeClaim = { await gate.wait() } }
            try await starves(socket)
            #expect(monitor.condition().stuck.contains("claims"))
            #expect(workshop.log.count("the worker is wedged") >= 1)
            let before = socket.count("WATCHDOG=1")
            gate.strike()
            try #require(await socket.bell.eventually { socket.count("WATCHDOG=1") >= before + 3 }, "not fed again")
        }
    }

    @Test func `a commit that never returns starves the watchdog`() async throws {
        let workshop = try await impatient()
        let gate = Gong()
        workshop.store.set {
            $0.commit = { _, _, forward in
                await gate.wait()
                return try await forward()
            }
        }
        let run = try await workshop.enqueue()
        try await supervised(workshop) { socket, monitor in
            // Also when it fails: the worker must be able to end.
            defer { gate.strike() }
            try await starves(socket)
            #expect(monitor.condition().stuck.contains("commits"))
            gate.strike()
            try await workshop.reaches(.succeeded, run)
        }
    }

    @Test func `one run that stands still between its calls starves the watchdog`() async throws {
        let workshop = try await impatient()
        let gate = Gong()
        workshop.store.set { $0.service = { await gate.wait() } }
        _ = try await workshop.enqueue()
        try await supervised(workshop) { socket, monitor in
            // Also when it fails: the worker must be able to end.
            defer { gate.strike() }
            try await starves(socket)
            // A second one when the lease was over and the worker took it again.
            #expect(monitor.condition().stuck.first?.contains(" run") == true)
            gate.strike()
            try #require(await eventually { monitor.condition().isLive })
        }
    }

    @Test func `a database that is away is no wedge: the watchdog is fed on, with one line in the log for its absence`()
        async throws
    {
        let workshop = try await impatient()
        try await supervised(workshop) { socket, monitor in
            try #require(await socket.bell.eventually { socket.count("READY=1") == 1 })
            workshop.store.set { $0.isAway = true }
            try #require(await eventually { monitor.condition().databaseAwaySeconds ?? 0 > 4 })
            let condition = monitor.condition()
            #expect(condition.isLive && !condition.isReady)
            let fed = socket.count("WATCHDOG=1")
            try #require(await socket.bell.eventually { socket.count("WATCHDOG=1") >= fed + 10 })
            #expect(socket.values("STATUS").contains { $0.contains("database away for 4 s") })
            #expect(workshop.store.count("refused") < 30, "it spins")
            workshop.store.set { $0.isAway = false }
            try #require(await eventually { monitor.condition().isReady })
        }
        #expect(workshop.log.count("the database is away") == 1)
        #expect(workshop.log.count("the database is back") == 1)
    }

    @Test func `an answer that cannot be kept because the database is away is no wedge, however long that takes`()
        async throws
    {
        let workshop = try await impatient()
        workshop.store.set { [store = workshop.store] in
            $0.commit = { _, commits, forward in
                // The lease is lost before the answer is written: what is left is to keep it as evidence.
                if commits[0].events.first?.type == .attemptDone { await store.healthy.steal(commits[0].runId) }
                return try await forward()
            }
            $0.appendLate = { _ in throw StoreError(.unavailable, "the database is away") }
        }
        let run = try await workshop.enqueue()
        try await supervised(workshop) { socket, monitor in
            defer { workshop.store.set { $0 = FaultyStore.Faults() } }
            // Longer than a lease and a stall.
            try #require(await eventually { monitor.condition().oldestRunSeconds ?? 0 > 4 })
            #expect(monitor.condition().stuck == [])
            #expect((5...40).contains(workshop.store.count("appendLate")), "it spins, or does not try again")
            workshop.store.set { $0.appendLate = { _ in } }
            try #require(
                try await workshop.store.bell.eventually { try await workshop.events(run, .attemptLate).count == 1 })
        }
    }

    @Test func `a request that takes as long as it may is no wedge`() async throws {
        let gate = Gong()
        var workshop = try await impatient { request in
            if request.path == "/create" { await gate.wait() }
            return TinyServer.good(request)
        }
        workshop.configuration.leaseMilliseconds = 20_000
        let run = try await workshop.enqueue()
        try await supervised(workshop) { socket, monitor in
            try #require(await workshop.server.bell.eventually { workshop.sent("/create").count == 1 })
            try #require(await eventually { monitor.condition().oldestRunSeconds ?? 0 > 2.5 })
            #expect(monitor.condition().stuck == [])
            gate.strike()
            try await workshop.reaches(.succeeded, run)
        }
    }
}

@Suite("Service manager", .timeLimit(.minutes(15)))
struct ServiceManagerTests {
    @Test
    func `lines arrive in one datagram, at a path and at a name of Linux's own; a newline cannot smuggle a line in`()
        async throws
    {
        for isAbstract in [false, true] {
            let socket = try NotifySocket(isAbstract: isAbstract)
            let manager = try #require(ServiceManager(environment: ["NOTIFY_SOCKET": socket.name]))
            #expect(manager.watchdogInterval == nil)
            #expect(manager.tell(["READY=1", "STATUS=one\nSTOPPING=1"]))
            try #require(await socket.bell.eventually { socket.messages.count == 1 })
            #expect(socket.messages[0].lines == ["READY=1", "STATUS=one STOPPING=1"])
            socket.stop()
        }
    }

    @Test func `what is no socket of a service manager is none; a socket that is gone is no error`() throws {
        for name in ["", "@", "relative", "vsock:2:9", "/" + String(repeating: "x", count: 200)] {
            #expect(ServiceManager(environment: ["NOTIFY_SOCKET": name]) == nil)
        }
        #expect(ServiceManager(environment: [:]) == nil)
        let manager = try #require(ServiceManager(environment: ["NOTIFY_SOCKET": "/nonexistent/notify"]))
        #expect(!manager.tell(["READY=1"]))
    }

    @Test func `the watchdog is ours when its process is, and its time is a number`() {
        func interval(_ more: [String: String]) -> Duration? {
            ServiceManager(environment: ["NOTIFY_SOCKET": "/s"].merging(more) { $1 }, processIdentifier: 7)?
                .watchdogInterval
        }
        #expect(interval(["WATCHDOG_USEC": "30000000"]) == .seconds(30))
        #expect(interval(["WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "7"]) == .seconds(30))
        #expect(interval(["WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "8"]) == nil)
        for text in ["", "0", "-5", "soon", "99999999999999999999"] {
            #expect(interval(["WATCHDOG_USEC": text]) == nil)
        }
    }
}
