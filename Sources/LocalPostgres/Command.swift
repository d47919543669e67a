import Foundation
import Glibc

/// Runs helper programs: own session, no inherited descriptors, a small environment and a deadline.
///
/// Foundation's `Process` can neither start a session nor close descriptors it does not know, and a server that
/// keeps a caller's pipe open makes that caller wait for ever.
struct Command {
    let arguments: [String]
    var input = ""
    var timeoutSeconds = 120

    struct Outcome {
        /// Exit code, or 128 plus the signal's number.
        let exitCode: Int32
        /// Standard output and standard error, in the order written.
        let output: String

        var succeeded: Bool { exitCode == 0 }
    }

    init(_ arguments: [String], input: String = "", timeoutSeconds: Int = 120) {
        self.arguments = arguments
        self.input = input
        self.timeoutSeconds = timeoutSeconds
    }

    /// PG* variables of the caller would change what the server's programs do, so they are not passed on.
    private static let environment = [
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "TZ=UTC", "HOME=/",
    ]

    /// `POSIX_SPAWN_SETSID`, which the Glibc module hides among the GNU extensions.
    private static let startsSession: Int16 = 0x80

    /// Runs the program to its end.
    func run() throws(LocalPostgresError) -> Outcome {
        // Memory files instead of pipes: nothing to drain, and no end of file to wait for.
        let inputFile = try Self.memoryFile()
        defer { close(inputFile) }
        let outputFile = try Self.memoryFile()
        defer { close(outputFile) }
        let bytes = Array(input.utf8)
        var written = 0
        while written < bytes.count {
            let count = bytes[written...].withUnsafeBytes { write(inputFile, $0.baseAddress, $0.count) }
            guard count > 0 else { throw failure("could not pass its input (\(systemMessage()))") }
            written += count
        }
        lseek(inputFile, 0, SEEK_SET)
        let process = try Self.spawn(arguments, input: inputFile, output: outputFile)
        let exitCode = try wait(for: process)
        return Outcome(exitCode: exitCode, output: Self.contents(of: outputFile))
    }

    /// Starts a program and answers its process identifier; the caller collects it.
    static func spawn(_ arguments: [String], input: Int32, output: Int32) throws(LocalPostgresError) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, input, 0)
        posix_spawn_file_actions_adddup2(&actions, output, 1)
        posix_spawn_file_actions_adddup2(&actions, output, 2)
        for descriptor in openDescriptors() where descriptor > 2 {
            posix_spawn_file_actions_addclose(&actions, descriptor)
        }

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // A session of its own keeps the terminal's Ctrl-C away; ignored and blocked signals are not inherited.
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETSIGMASK) | Int16(POSIX_SPAWN_SETSIGDEF) | startsSession)
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        var all = sigset_t()
        sigfillset(&all)
        posix_spawnattr_setsigdefault(&attributes, &all)

        var process: pid_t = 0
        // The caller's folder may be closed to the account that the program changes to, so it starts at the root.
        let shell = ["/bin/sh", "-c", #"cd / && exec "$@""#, "sh"]
        let failed = withCStrings(shell + arguments) { argumentPointers in
            withCStrings(environment) { environmentPointers in
                posix_spawn(&process, shell[0], &actions, &attributes, argumentPointers, environmentPointers)
            }
        }
        guard failed == 0 else {
            throw LocalPostgresError(
                .command, "Could not run \(arguments[0]): \(String(cString: strerror(failed))).")
        }
        return process
    }

    private func wait(for process: pid_t) throws(LocalPostgresError) -> Int32 {
        let deadline = Deadline(seconds: timeoutSeconds)
        while true {
            if let exitCode = try Self.collect(process) { return exitCode }
            if deadline.isOver {
                kill(process, SIGKILL)
                _ = try? Self.collect(process, blocking: true)
                throw failure("did not end within \(timeoutSeconds) seconds and was killed")
            }
            usleep(2000)
        }
    }

    /// The exit code once the process has ended, `nil` while it runs.
    static func collect(_ process: pid_t, blocking: Bool = false) throws(LocalPostgresError) -> Int32? {
        var status: Int32 = 0
        while true {
            let answer = waitpid(process, &status, blocking ? 0 : WNOHANG)
            if answer == process {
                let signal = status & 0x7f
                return signal == 0 ? (status >> 8) & 0xff : 128 + signal
            }
            if answer == 0 { return nil }
            guard errno == EINTR else {
                throw LocalPostgresError(
                    .command, "Lost sight of the process \(process): \(systemMessage()).",
                    hint: "Something else in this program collects child processes or ignores SIGCHLD.")
            }
        }
    }

    private func failure(_ what: String) -> LocalPostgresError {
        LocalPostgresError(.command, "\(arguments[0]) \(what).")
    }

    private static func memoryFile() throws(LocalPostgresError) -> Int32 {
        let name = "/turnup-\(UUID().uuidString)"
        let file = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0o600)
        guard file >= 0 else {
            throw LocalPostgresError(.command, "Could not open shared memory (/dev/shm): \(systemMessage()).")
        }
        shm_unlink(name)
        return file
    }

    /// Descriptors that a child would inherit unless they are closed. A descriptor that another thread opens meanwhile
    /// is by custom close-on-exec.
    private static func openDescriptors() -> [Int32] {
        // A process that changed its account may not read its own list.
        (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd"))?.compactMap(Int32.init)
            ?? Array(3..<1024)
    }

    private static func contents(of file: Int32) -> String {
        lseek(file, 0, SEEK_SET)
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16384)
        while true {
            let count = read(file, &buffer, buffer.count)
            guard count > 0 else { break }
            bytes += buffer[..<count]
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// A moment on the monotonic clock after which waiting ends.
struct Deadline {
    private let end: ContinuousClock.Instant

    init(seconds: Int) {
        end = .now + .seconds(seconds)
    }

    var isOver: Bool { ContinuousClock.now >= end }
}

/// The operating system's words for the last failed call.
func systemMessage() -> String {
    String(cString: strerror(errno))
}

private func withCStrings<Result>(
    _ strings: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
) -> Result {
    var pointers: [UnsafeMutablePointer<CChar>?] = strings.map { strdup($0) }
    pointers.append(nil)
    defer { for pointer in pointers { free(pointer) } }
    return body(pointers)
}
