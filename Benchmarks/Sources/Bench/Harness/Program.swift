import Foundation

/// A program as a process of its own, its output kept in a file.
///
/// Sendable because `Process` is only waited for on another thread.
final class Program: @unchecked Sendable {
    private let process = Process()
    private let outputPath: String
    private let name: String

    init(_ path: String, _ arguments: [String], environment: [String: String], folder: String) throws {
        name = "\(path) \(arguments.joined(separator: " "))"
        outputPath = "\(folder)/\(UUID().uuidString).out"
        guard FileManager.default.createFile(atPath: outputPath, contents: nil),
            let output = FileHandle(forWritingAtPath: outputPath)
        else { throw Failure("the file \(outputPath) cannot be written") }
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        process.environment = environment
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = output
        try process.run()
        try output.close()
    }

    var output: String { (try? String(contentsOfFile: outputPath, encoding: .utf8)) ?? "" }

    /// Waits for the end; an exit code other than 0 is an error with what was said.
    @discardableResult
    func end() async throws -> String {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread { [self] in
                process.waitUntilExit()
                continuation.resume()
            }
        }
        guard process.terminationReason == .exit, process.terminationStatus == 0 else {
            throw Failure("\(name) ended with \(process.terminationStatus):\n\(output)")
        }
        return output
    }

    func stop() async throws {
        guard process.isRunning else {
            throw Failure("\(name) has ended before it was told to, with \(process.terminationStatus):\n\(output)")
        }
        process.terminate()
        try await end()
    }

    /// Seconds of processor time so far.
    var processorSeconds: Double {
        guard let text = try? String(contentsOfFile: "/proc/\(process.processIdentifier)/stat", encoding: .utf8),
            let fields = text.split(separator: ")").last?.split(separator: " "), fields.count > 12,
            let user = Double(fields[11]), let system = Double(fields[12])
        else { return 0 }
        return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }
}
