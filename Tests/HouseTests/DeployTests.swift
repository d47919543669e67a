import Foundation
import Testing

private let analyzer = ["/usr/bin/systemd-analyze", "/bin/systemd-analyze"].first {
    FileManager.default.isExecutableFile(atPath: $0)
}

/// What lies in `deploy/`, judged by the programs that will read it.
@Suite struct DeployTests {
    private static let unit = "deploy/turnup-worker@.service"

    private func run(_ program: String, _ arguments: [String], environment: [String: String]? = nil) throws
        -> (exitCode: Int32, output: String)
    {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        if let environment { process.environment = environment }
        process.standardInput = FileHandle.nullDevice
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: data, as: UTF8.self))
    }

    @Test(.enabled(if: analyzer != nil, "there is no systemd-analyze here"))
    func `systemd finds no fault with the unit, and its exposure is at most 1.5`() throws {
        let analyzer = try #require(analyzer)
        let unit = Repository.root.appendingPathComponent(Self.unit).path
        let report = try run(analyzer, ["security", "--offline=true", "--no-pager", unit])
        let figure = report.output.firstMatch(of: /Overall exposure level for [^:]+: ([0-9.]+)/)
        let exposure = try #require(figure.flatMap { Double($0.1) }, "\(report.output)")
        #expect(exposure <= 1.5, "\(report.output)")

        // It also looks whether the program is there, which it need not be on this machine.
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("unit-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let text = try Repository.text(Self.unit)
        #expect(text.contains("\nExecStart=/usr/bin/turnup worker "))
        let copy = folder.appendingPathComponent("turnup-worker@.service")
        try text.replacing("/usr/bin/turnup", with: "/bin/true").write(to: copy, atomically: true, encoding: .utf8)
        let verdict = try run(analyzer, ["verify", "--man=no", copy.path])
        #expect(verdict.exitCode == 0 && verdict.output.isEmpty, "\(verdict.output)")
    }

    @Test func `the unit waits for longer than a lease before it kills, and asks for signs of life`() throws {
        let lines = try Set(Repository.lines(Self.unit).map(String.init))
        for line in ["Type=notify", "Restart=always", "KillSignal=SIGTERM", "WatchdogSec=30s"] {
            #expect(lines.contains(line), "\(line) is missing")
        }
        let stop = lines.compactMap { $0.firstMatch(of: /^TimeoutStopSec=(\d+)s$/) }.first.flatMap { Int($0.1) }
        #expect(try #require(stop) > 60, "the lease is 60 s unless told otherwise")
    }

    @Test(arguments: ["deploy/runit/run", "deploy/runit/finish", "deploy/runit/check", "deploy/container/entrypoint"])
    func `the scripts are programs that a plain shell can read`(path: String) throws {
        let file = Repository.root.appendingPathComponent(path).path
        #expect(FileManager.default.isExecutableFile(atPath: file))
        let answer = try run("/bin/sh", ["-n", file])
        #expect(answer.exitCode == 0 && answer.output.isEmpty, "\(answer.output)")
    }

    @Test func `the container's entry point finds the credentials, and refuses to start without keys`() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("entry-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let program = folder.appendingPathComponent("program")
        try "#!/bin/sh\necho \"$@ url=$TURNUP_DATABASE_URL_FILE keys=$TURNUP_KEY_FILE run=$RUNTIME_DIRECTORY\"\n"
            .write(to: program, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: program.path)
        let entry = Repository.root.appendingPathComponent("deploy/container/entrypoint").path
        let environment = ["TURNUP_PROGRAM": program.path, "TURNUP_CREDENTIALS": folder.path]
        #expect(try run(entry, [], environment: environment).exitCode == 2)
        for name in ["keys.json", "database-url"] {
            #expect(FileManager.default.createFile(atPath: folder.path + "/" + name, contents: Data("x".utf8)))
        }
        let rest = "url=\(folder.path)/database-url keys=\(folder.path)/keys.json run=/run/turnup\n"
        #expect(try run(entry, [], environment: environment).output == "worker \(rest)")
        #expect(try run(entry, ["--verbose"], environment: environment).output == "worker --verbose \(rest)")
        #expect(try run(entry, ["runs", "--json"], environment: environment).output == "runs --json \(rest)")
    }

    @Test func `runit's script reads the configuration and becomes the worker`() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("runit-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        for (name, text) in [
            ("program", "#!/bin/sh\necho \"$@ keys=$TURNUP_KEY_FILE\"\n"),
            ("chpst", "#!/bin/sh\nshift 2\nexec \"$@\"\n"),
            ("worker.env", "TURNUP_WORKER_OPTIONS='--concurrency 8'\n"),
        ] {
            let file = folder.appendingPathComponent(name)
            try text.write(to: file, atomically: true, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: file.path)
        }
        let script = Repository.root.appendingPathComponent("deploy/runit/run").path
        let answer = try run(
            script, [],
            environment: [
                "PATH": "\(folder.path):/usr/bin:/bin", "TURNUP_CONFIGURATION": folder.path,
                "TURNUP_PROGRAM": "program",
                "TURNUP_USER": NSUserName(), "RUNTIME_DIRECTORY": folder.path + "/run/1",
            ])
        #expect(answer.exitCode == 0)
        #expect(answer.output.contains(" --concurrency 8 keys=\(folder.path)/keys.json\n"), "\(answer.output)")
        #expect(answer.output.hasPrefix("worker --name "))
    }
}
