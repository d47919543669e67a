import EventStore
import Foundation
import FoundationNetworking
import PlatformSimulator
import Postgres
import TestSupport
import Testing
import WorkflowCore

/// The real worker under the eyes of a service manager, with a database that comes and goes.
@Suite(.timeLimit(.minutes(15)), .serialized) struct SupervisionTests {
    private func health(_ installation: Installation, _ arguments: String...) async throws -> TurnupProcess.Answer {
        try await TurnupProcess.run(["health"] + arguments, environment: installation.environment)
    }

    @Test func `a worker started without its database waits, is ready when it comes, and outlives immediate restarts`()
        async throws
    {
        let folder = NSTemporaryDirectory() + "turnup-away-\(UUID().uuidString.prefix(8))"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let own = ["TURNUP_STATE_DIR": folder]
        func database(_ verb: String) async throws -> String {
            let answer = try await TurnupProcess.run(["database", verb], environment: own)
            try #require(answer.exitCode == 0, "\(answer.errors)")
            return answer.output.trimmingCharacters(in: .whitespacesAndNewlines)
        }
        _ = try await database("start")
        let named = own.merging(["TURNUP_DATABASE_URL": try await database("url")]) { $1 }
        #expect(try await TurnupProcess.run(["migrate"], environment: named).exitCode == 0)
        _ = try await database("stop")
        let socket = try NotifySocket()
        defer { socket.stop() }
        let worker = try TurnupProcess(
            ["worker", "--name", "w"],
            environment: named.merging(["NOTIFY_SOCKET": socket.name, "WATCHDOG_USEC": "600000"]) { $1 })
        do {
            let waits = await socket.bell.eventually(seconds: 60) {
                socket.values("STATUS").contains { $0.contains("database away for 2 s") }
            }
            #expect(waits, "\(worker.spoken)")
            #expect(socket.count("READY=1") == 0)
            #expect(!socket.values("EXTEND_TIMEOUT_USEC").isEmpty)
            #expect(try await TurnupProcess.run(["health"], environment: own).exitCode == 1)
            #expect(try await TurnupProcess.run(["health", "--live"], environment: own).exitCode == 0)
            _ = try await database("start")
            #expect(await socket.bell.eventually(seconds: 60) { socket.count("READY=1") == 1 }, "\(worker.spoken)")
            for round in 1...3 {
                let file = try String(
                    contentsOfFile: folder + "/postgresql/server/data/postmaster.pid", encoding: .utf8)
                let server = try #require(file.split(separator: "\n").first.flatMap { Int32($0) })
                kill(server, SIGQUIT)
                #expect(await eventually(seconds: 60) { kill(server, 0) != 0 }, "the server did not stop")
                let noticed = await socket.bell.eventually(seconds: 60) {
                    socket.values("STATUS").last?.contains("database away") == true
                }
                #expect(noticed, "round \(round)")
                _ = try await database("start")
                let began = ContinuousClock.now
                let isBack = await socket.bell.eventually(seconds: 60) {
                    socket.values("STATUS").last?.contains("database away") == false
                }
                #expect(isBack && began.duration(to: .now) < .seconds(10), "round \(round)")
            }
            let gaps = zip(socket.messages, socket.messages.dropFirst()).map { $0.at.duration(to: $1.at) }
            #expect(socket.messages.allSatisfy { $0.lines.contains("WATCHDOG=1") }, "an outage is no wedge")
            #expect(try #require(gaps.max()) < .seconds(4))
        } catch {
            await worker.killHard()
            throw error
        }
        worker.send(SIGTERM)
        let answer = await worker.end()
        #expect(answer.exitCode == 0)
        #expect(socket.count("READY=1") == 1 && socket.count("STOPPING=1") == 1)
        func count(_ text: String) -> Int { answer.errors.components(separatedBy: text).count - 1 }
        #expect(count("the database is away;") == 4 && count("the database is back") == 4, "\(answer.errors)")
        _ = try await database("stop")
    }

    @Test
    func `a connection that swallows everything is noticed in seconds, is no wedge, and is given up for a new one`()
        async throws
    {
        try await Installation.with { installation in
            try await installation.database.withProxy { proxy, _ in
                let socket = try NotifySocket()
                defer { socket.stop() }
                let url = installation.database.url + "&host=\(proxy.directory)&port=5432"
                let worker = try TurnupProcess(
                    ["worker"],
                    environment: installation.environment.merging([
                        "TURNUP_DATABASE_URL": url, "NOTIFY_SOCKET": socket.name, "WATCHDOG_USEC": "3000000",
                    ]) { $1 })
                do {
                    try #require(
                        await socket.bell.eventually(seconds: 60) { socket.count("READY=1") == 1 }, "\(worker.spoken)")
                    let began = ContinuousClock.now
                    proxy.set(.stall)
                    let noticed = await socket.bell.eventually(seconds: 40) {
                        socket.values("STATUS").last?.contains("database away") == true
                    }
                    let after = began.duration(to: .now)
                    #expect(noticed && proxy.faultCount > 0, "\(worker.spoken)")
                    proxy.set(.none)
                    let healed = ContinuousClock.now
                    let run = try await installation.enqueue("+34600111222")
                    try await installation.reaches(.succeeded, run, seconds: 30)
                    print(
                        "a silent connection was noticed after \(after), left \(healed.duration(to: .now)) after healing"
                    )
                    #expect(after < .seconds(20))
                    #expect(socket.messages.allSatisfy { $0.lines.contains("WATCHDOG=1") })
                } catch {
                    await worker.killHard()
                    throw error
                }
                worker.send(SIGTERM)
                #expect(await worker.end().exitCode == 0)
            }
        }
    }

    @Test func `a worker whose database does not exist ends with 3 and says so, because waiting does not help`()
        async throws
    {
        try await Installation.with { installation in
            let worker = try TurnupProcess(
                ["worker"],
                environment: installation.environment.merging([
                    "TURNUP_DATABASE_URL": installation.database.url.replacing(
                        "/\(installation.database.name)?", with: "/turnup_absent?")
                ]) { $1 })
            let hasEnded = await eventually(seconds: 60) { !worker.isRunning }
            if !hasEnded { await worker.killHard() }
            let answer = await worker.end()
            #expect(hasEnded && answer.exitCode == 3, "\(answer.errors)")
            #expect(answer.errors.contains("turnup_absent"), "\(answer.errors)")
        }
    }

    @Test func `damage shows in the metrics of a running worker while it stands, and no longer`() async throws {
        try await Installation.with { installation in
            let run = try await installation.enqueue("+34600111222")
            try await installation.withWorker { _ in try await installation.reaches(.succeeded, run) }
            let state = try #require(try await installation.store.run(run)).state
            let worker = try TurnupProcess(
                ["worker", "--health", "127.0.0.1:0", "--verify-seconds", "1"], environment: installation.environment)
            do {
                var port: Substring?
                try #require(
                    await worker.bell.eventually(seconds: 60) {
                        port = worker.spoken.firstMatch(of: /health is given at 127\.0\.0\.1:(\d+)/)?.output.1
                        return port != nil
                    })
                let url = try #require(URL(string: "http://127.0.0.1:\(port ?? "")/metrics"))
                func shows(_ line: String) async -> Bool {
                    await eventually(seconds: 60) {
                        guard let (body, _) = try? await URLSession.shared.data(from: url) else { return false }
                        return String(decoding: body, as: UTF8.self).contains("\n\(line)\n")
                    }
                }
                try #require(await shows("turnup_verify_violations 0.0"))
                try await installation.database.tamper("update turnup.run set state = 'other' where id = '\(run)'")
                try #require(await shows("turnup_verify_violations 1.0"), "\(worker.spoken)")
                try await installation.database.tamper("update turnup.run set state = '\(state)' where id = '\(run)'")
                try #require(await shows("turnup_verify_violations 0.0"), "\(worker.spoken)")
            } catch {
                await worker.killHard()
                throw error
            }
            worker.send(SIGTERM)
            #expect(await worker.end().exitCode == 0)
        }
    }

    @Test func `a row that somebody keeps locked holds up its own run only`() async throws {
        try await Installation.with { installation in
            _ = installation.simulator.addFaults([
                FaultRule(match: Installation.create, trigger: .always, effect: .hold(.after))
            ])
            try await installation.withWorker { worker in
                var runs: [Identifier] = []
                for number in 0..<4 {
                    runs.append(try await installation.enqueue("+3460011122\(number)", organisation: "o-\(number)"))
                }
                #expect(await installation.simulator.wait(for: Installation.create, phase: .held, count: 4))
                let holder = try await PostgresConnection.connect(
                    PostgresConfiguration(connectionString: installation.database.url))
                try await holder.execute("begin; select from turnup.run where id = '\(runs[0])' for update")
                #expect(installation.simulator.release() == 4)
                for run in runs.dropFirst() { try await installation.reaches(.succeeded, run, seconds: 15) }
                #expect(try await installation.types(runs[0]) == ["run.requested", "attempt.started"])
                let report = try await health(installation, "--json")
                #expect(report.output.contains(#""commits_locked":1"#), "\(report.output)")
                #expect(report.exitCode == 0, "a lock is no outage")
                try await holder.execute("rollback")
                try await installation.reaches(.succeeded, runs[0], seconds: 15)
                await holder.close()
                #expect(!worker.spoken.contains("the database is away"))
            }
            try await Checker.check(installation)
        }
    }

    @Test func `a table that somebody keeps locked is told as that, and the worker goes on when it is free`()
        async throws
    {
        try await Installation.with { installation in
            try await installation.withWorker { worker in
                let isReady = try await eventually(seconds: 30) { try await health(installation).exitCode == 0 }
                try #require(isReady, "\(worker.spoken)")
                let run = try await installation.enqueue("+34600111220")
                try await installation.reaches(.succeeded, run)
                let holder = try await PostgresConnection.connect(
                    PostgresConfiguration(
                        connectionString: installation.database.url, applicationName: "forgotten"))
                let number = await holder.backendProcessID
                try await holder.execute("begin; lock table turnup.task in access exclusive mode")
                let isTold = try await eventually(seconds: 30) {
                    try await health(installation, "--json").output.contains(#""database_trouble":"locked""#)
                }
                #expect(isTold, "\(worker.spoken)")
                #expect(try await health(installation, "--live").exitCode == 0, "a lock is no wedge")
                try await holder.execute("rollback")
                let second = try await installation.enqueue("+34600111221", organisation: "o-2")
                try await installation.reaches(.succeeded, second, seconds: 30)
                // As a "create index" does, which only the commits wait for.
                _ = installation.simulator.addFaults([
                    FaultRule(match: Installation.create, trigger: .always, effect: .hold(.after))
                ])
                let third = try await installation.enqueue("+34600111222", organisation: "o-3")
                #expect(await installation.simulator.wait(for: Installation.create, phase: .held), "never held")
                try await holder.execute("begin; lock table turnup.event in share mode")
                #expect(installation.simulator.release() == 1)
                let isToldToo = try await eventually(seconds: 60) {
                    guard worker.spoken.contains("turnup.event is locked in ShareLock") else { return false }
                    return try await health(installation, "--json").output.contains(#""database_trouble":"locked""#)
                }
                #expect(isToldToo, "\(worker.spoken)")
                try await holder.execute("rollback")
                #expect(try await eventually(seconds: 60) { try await health(installation).exitCode == 0 })
                // Held, if the lease was over before this was found.
                #expect(try await eventually(seconds: 60) { try await installation.store.run(third)?.status != .live })
                await holder.close()
                let spoken = worker.spoken
                #expect(spoken.contains("another session holds a lock on a table of the database"), "\(spoken)")
                #expect(spoken.contains("by session \(number) of") && spoken.contains("(forgotten)"), "\(spoken)")
                #expect(!spoken.contains("the database is away"), "\(spoken)")
            }
            try await Checker.check(installation)
        }
    }

    @Test(arguments: [false, true])
    func `a migration takes functions away from a running worker: the answer is kept, and the log says to restart it`(
        lateToo: Bool
    ) async throws {
        try await Installation.with { installation in
            _ = installation.simulator.addFaults([
                FaultRule(match: Installation.create, trigger: .always, effect: .hold(.after))
            ])
            func rename(_ name: String, _ other: String) async throws {
                try await installation.database.pool.execute("alter function turnup.\(name) rename to \(other)")
            }
            var run: Identifier?
            try await installation.withWorker { worker in
                let id = try await installation.enqueue("+34600111220")
                run = id
                #expect(await installation.simulator.wait(for: Installation.create, phase: .held), "never held")
                try await rename("commit", "commit_2")
                if lateToo { try await rename("append_late", "append_late_2") }
                #expect(installation.simulator.release() == 1)
                let isTold = try await eventually(seconds: 30) {
                    try await health(installation, "--json").output.contains(#""database_trouble":"other_version""#)
                }
                #expect(isTold, "\(worker.spoken)")
                if lateToo { try await rename("append_late_2", "append_late") }
                let isKept = try await eventually(seconds: 30) {
                    try await !installation.events(id, .attemptLate).isEmpty
                }
                #expect(isKept, "\(worker.spoken)")
                let second = try await installation.enqueue("+34600111221", organisation: "o-2")
                #expect(worker.spoken.components(separatedBy: "restart this worker with that version").count == 2)
                #expect(!worker.spoken.contains("the database is away"), "\(worker.spoken)")
                // The other version's workers go on from there, with the answer that was kept.
                try await rename("commit_2", "commit")
                try await installation.withWorker { _ in
                    installation.simulator.removeFaults()
                    try await installation.reaches(.succeeded, id)
                    try await installation.reaches(.succeeded, second)
                }
            }
            let id = try #require(run)
            let late = try #require(try await installation.events(id, .attemptLate).first)
            #expect(late.body["outcome"] == "done" && late.body["sealed"] != nil, "the key may be shown only once")
            try await Checker.check(installation)
        }
    }

    @Test func `SIGTERM gives the leases of runs that are not sending back at once, to be taken by another worker`()
        async throws
    {
        try await Installation.with { installation in
            try await installation.command(
                "service", "set", "wpp", "--base-url", "http://127.0.0.1:\(installation.ports.port)", "--allow",
                "loopback", "--concurrent", "1")
            _ = installation.simulator.addFaults([
                FaultRule(match: Installation.create, trigger: .nth(1), effect: .hold(.after))
            ])
            let first = try installation.startWorker()
            var runs: [Identifier] = []
            for number in 0..<6 {
                runs.append(try await installation.enqueue("+3460011122\(number)", organisation: "o-\(number)"))
            }
            #expect(await installation.simulator.wait(for: Installation.create, phase: .held), "never held")
            let began = ContinuousClock.now
            first.send(SIGTERM)
            first.send(SIGTERM)
            let isFree = try await eventually(seconds: 10) {
                try await installation.store.runs(RunFilter()).count { $0.task?.leaseOwner != nil } == 1
            }
            print("leases of runs that were not sending: given back after \(began.duration(to: .now))")
            #expect(isFree)
            let report = try await health(installation)
            #expect(report.exitCode == 1 && report.output.contains("stopping"), "\(report.output)")
            // The one request that may be under way is the first worker's, and it stands still.
            try await installation.command("service", "set", "wpp", "--concurrent", "none")
            try await installation.withWorker { _ in
                let isDone = try await eventually(seconds: 60) {
                    try await installation.store.runs(RunFilter()).count { $0.status == .succeeded } == 5
                }
                #expect(isDone, "another worker did not take them")
                #expect(installation.simulator.release() == 1)
                // The request under way has ended well although SIGTERM came twice.
                #expect(await first.end().exitCode == 0)
                for run in runs { try await installation.reaches(.succeeded, run) }
            }
            try await Checker.check(installation)
        }
    }

    @Test func `a second SIGINT breaks the request off: its outcome is written as unknown, and it ends with 130`()
        async throws
    {
        try await Installation.with { installation in
            _ = installation.simulator.addFaults([
                FaultRule(match: Installation.create, trigger: .nth(1), effect: .hold(.after))
            ])
            let worker = try installation.startWorker()
            let run = try await installation.enqueue("+34600111222")
            #expect(await installation.simulator.wait(for: Installation.create, phase: .held), "never held")
            worker.send(SIGTERM)
            #expect(await eventually(seconds: 60) { await isStopping(installation) })
            let began = ContinuousClock.now
            worker.send(SIGINT)
            let answer = await worker.end()
            // Its own deadline would end the request too, half a minute later.
            #expect(began.duration(to: .now) < .seconds(20))
            #expect(answer.exitCode == 130, "\(answer.errors)")
            #expect(try await installation.events(run, .attemptUnknown).count == 1)
            #expect(try await installation.store.run(run)?.status == .held)
            try await Checker.check(installation)
        }
    }

    private func isStopping(_ installation: Installation) async -> Bool {
        (try? await health(installation, "--json").output.contains(#""phase":"stopping""#)) == true
    }

    @Test func `database and keys come as systemd's credentials, whose access list shows as the group's right`()
        async throws
    {
        try await Installation.with { installation in
            let folder = installation.folder + "/credentials"
            let manager = FileManager.default
            try manager.createDirectory(atPath: folder, withIntermediateDirectories: true)
            try manager.copyItem(atPath: installation.folder + "/keys.json", toPath: folder + "/keys.json")
            #expect(
                manager.createFile(
                    atPath: folder + "/database-url", contents: Data("\(installation.database.url)\n".utf8)))
            for name in ["keys.json", "database-url"] {
                try manager.setAttributes([.posixPermissions: 0o440], ofItemAtPath: folder + "/" + name)
            }
            let environment = ["CREDENTIALS_DIRECTORY": folder, "RUNTIME_DIRECTORY": folder]
            let worker = try TurnupProcess(["worker"], environment: environment)
            let run = try await installation.enqueue("+34600111222")
            try await installation.reaches(.succeeded, run)
            let found = try await TurnupProcess.run(["health", folder + "/worker.sock"], environment: environment)
            #expect(found.exitCode == 0 && found.output.contains(": ready; "), "\(found)")
            worker.send(SIGTERM)
            #expect(await worker.end().exitCode == 0)
            #expect(!manager.fileExists(atPath: folder + "/worker.sock"), "left behind")
            #expect(try await TurnupProcess.run(["health", folder + "/worker.sock"], environment: [:]).exitCode == 1)
            #expect(try await TurnupProcess.run(["health", "8.8.8.8:53"], environment: [:]).exitCode == 2)
            let refused = try await TurnupProcess.run(["worker", "--health", "0.0.0.0:80"], environment: environment)
            #expect(refused.exitCode == 2 && refused.errors.contains("loopback"), "\(refused)")

            // Keys that the group may read are fine there and nowhere else; what everybody may read is fine nowhere.
            let elsewhere = [
                "TURNUP_KEY_FILE": folder + "/keys.json", "TURNUP_DATABASE_URL": installation.database.url,
            ]
            #expect(try await TurnupProcess.run(["worker"], environment: elsewhere).exitCode == 3)
            try manager.setAttributes([.posixPermissions: 0o444], ofItemAtPath: folder + "/database-url")
            let open = try await TurnupProcess.run(["worker"], environment: environment)
            #expect(open.exitCode == 2 && open.errors.contains("every account"), "\(open)")
        }
    }
}
