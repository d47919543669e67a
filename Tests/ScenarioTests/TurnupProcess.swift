import Foundation
import Synchronization
import TestSupport

/// The real `turnup` as a process of its own, with what it says.
final class TurnupProcess: Sendable {
    struct Answer: Sendable {
        let exitCode: Int32
        let output: String
        let errors: String
    }

    private let process: Process
    private let openPipes = Mutex(0)
    /// Rings at each output, and when there is no more.
    let bell = Bell()
    private let said = Mutex<(output: Data, errors: Data)>((Data(), Data()))

    var processIdentifier: Int32 { process.processIdentifier }
    var isRunning: Bool { process.isRunning }

    convenience init(_ arguments: [String], environment: [String: String]) throws {
        try self.init(Self.binary(), arguments, environment: environment)
    }

    /// A shell command that finds the program in $TURNUP.
    convenience init(shell command: String, environment: [String: String]) throws {
        try self.init(
            URL(fileURLWithPath: "/bin/sh"), ["-c", command],
            environment: environment.merging(["TURNUP": Self.binary().path]) { $1 })
    }

    private init(_ program: URL, _ arguments: [String], environment: [String: String]) throws {
        process = Process()
        process.executableURL = program
        process.arguments = arguments
        process.environment = ["PATH": "/usr/bin:/bin", "HOME": "/nonexistent"].merging(environment) { $1 }
        process.standardInput = FileHandle.nullDevice
        let output = Pipe()
        let errors = Pipe()
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        read(output) { [self] data in said.withLock { $0.output.append(data) } }
        read(errors) { [self] data in said.withLock { $0.errors.append(data) } }
    }

    /// On a thread of its own to the end. A readability handler would have its pipe closed under the system's queue,
    /// which then reads freed memory.
    private func read(_ pipe: Pipe, _ keep: @escaping @Sendable (Data) -> Void) {
        openPipes.withLock { $0 += 1 }
        let handle = pipe.fileHandleForReading
        Thread.detachNewThread { [self] in
            while true {
                let data = handle.availableData
                if data.isEmpty { break }
                keep(data)
                bell.ring()
            }
            openPipes.withLock { $0 -= 1 }
            bell.ring()
        }
    }

    /// Runs one command to its end.
    static func run(_ arguments: [String], environment: [String: String]) async throws -> Answer {
        let process = try TurnupProcess(arguments, environment: environment)
        return await process.end()
    }

    /// The program that this test run has built, beside the test bundle.
    private static func binary() throws -> URL {
        let folders = CommandLine.arguments.filter { $0.hasSuffix(".xctest") }.map {
            URL(fileURLWithPath: $0).deletingLastPathComponent()
        }
        let besideSources = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent(".build/debug")
        let own = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
        for folder in folders + [own, besideSources] {
            let candidate = folder.appendingPathComponent("turnup")
            if FileManager.default.isExecutableFile(atPath: candidate.path) { return candidate }
        }
        throw CocoaError(.fileNoSuchFile)
    }

    func send(_ signal: Int32) { kill(process.processIdentifier, signal) }

    /// Waits for the exit; what was said is complete then.
    func end() async -> Answer {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread { [self] in
                process.waitUntilExit()
                continuation.resume()
            }
        }
        // A child of its own may hold a pipe open for longer.
        _ = await bell.eventually(seconds: 5) { [self] in openPipes.withLock { $0 == 0 } }
        return said.withLock {
            Answer(
                exitCode: process.terminationStatus, output: String(decoding: $0.output, as: UTF8.self),
                errors: String(decoding: $0.errors, as: UTF8.self))
        }
    }

    /// What was said so far.
    var spoken: String {
        said.withLock { String(decoding: $0.output + $0.errors, as: UTF8.self) }
    }

    /// Waits until it has said this; false when it never did.
    func says(_ text: String, seconds: Double = 60) async -> Bool {
        await bell.eventually(seconds: seconds) { spoken.contains(text) }
    }

    /// Killed for good; waits until the system has let go of it.
    func killHard() async {
        send(SIGKILL)
        _ = await end()
    }
}

/// Looks again and again until it holds, where nothing rings a `Bell`; false when it never did.
func eventually(seconds: Double, _ condition: () async throws -> Bool) async rethrows -> Bool {
    let deadline = ContinuousClock.now + .seconds(seconds)
    while ContinuousClock.now < deadline {
        if try await condition() { return true }
        try? await Task.sleep(for: .milliseconds(20))
    }
    return try await condition()
}
