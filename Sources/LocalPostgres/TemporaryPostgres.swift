import Foundation
import Glibc
import Synchronization

/// A throw-away PostgreSQL in a folder of its own, for tests.
///
/// A small guard process waits for the end of a pipe that only this process holds open. However this process ends, even
/// by `kill -9`, the guard then stops the server and removes the folder.
public final class TemporaryPostgres: Sendable {
    /// The server; not started until ``LocalPostgres/ensureRunning()`` is called.
    public let server: LocalPostgres
    /// The folder that holds everything and will be removed.
    public let directory: String

    private struct Guard {
        var process: pid_t
        var pipe: Int32
    }
    private let guardian: Mutex<Guard?>

    /// Makes the folder and the guard; whoever can enter the socket's folder may connect as any role.
    ///
    /// - Parameters:
    ///   - parentDirectory: a folder with a short path that the server's account can enter.
    ///   - configuration: its state folder is replaced.
    /// - Throws: ``LocalPostgresError``
    public convenience init(
        parentDirectory: String = "/tmp", configuration: LocalPostgresConfiguration = .init(durable: false)
    ) throws(LocalPostgresError) {
        try self.init(
            parentDirectory: parentDirectory, configuration: configuration, authentication: .socketDirectory)
    }

    init(
        parentDirectory: String, configuration: LocalPostgresConfiguration, authentication: ClientAuthentication
    ) throws(LocalPostgresError) {
        guard let template = strdup("\(parentDirectory)/turnup-XXXXXX") else {
            throw LocalPostgresError(.folder, "Out of memory.")
        }
        defer { free(template) }
        guard mkdtemp(template) != nil else {
            throw LocalPostgresError(
                .folder, "Could not make a folder in \(parentDirectory): \(systemMessage()).")
        }
        directory = resolvedPath(String(cString: template))
        if geteuid() == 0 { chmod(directory, 0o711) }
        var configuration = configuration
        configuration.stateDirectory = directory
        server = try LocalPostgres(configuration: configuration, authentication: authentication)
        guardian = Mutex(try Self.startGuard(layout: server.layout))
    }

    deinit {
        try? destroy()
    }

    /// Stops the server, removes the folder and waits until both are gone. Calling it again does nothing.
    ///
    /// - Throws: ``LocalPostgresError`` when something is left after half a minute.
    public func destroy() throws(LocalPostgresError) {
        let current = guardian.withLock { value in
            defer { value = nil }
            return value
        }
        guard let current else { return }
        close(current.pipe)
        let deadline = Deadline(seconds: 30)
        while try Command.collect(current.process) == nil {
            if deadline.isOver {
                throw LocalPostgresError(.stop, "The throw-away database in \(directory) could not be removed in time.")
            }
            usleep(5000)
        }
        guard FileFacts(of: directory) == nil else {
            throw LocalPostgresError(.stop, "The folder \(directory) of a throw-away database could not be removed.")
        }
    }

    private static func startGuard(layout: ClusterLayout) throws(LocalPostgresError) -> Guard {
        // Every process that belongs here has the server's folder in its command line; its data is not worth a
        // checkpoint. What starts or writes in between is caught in the next round.
        let script = #"""
            trap '' HUP INT TERM
            read -r _
            memory=$(sed -n '7s/.* //p' "$1/server/data/postmaster.pid" 2>/dev/null)
            signal=QUIT
            round=0
            while [ "$round" -lt 120 ]; do
                round=$((round + 1))
                busy=
                for file in $(grep -laF -e "$1/server/" /proc/[0-9]*/cmdline 2>/dev/null); do
                    process=${file#/proc/}
                    process=${process%/cmdline}
                    read -r name 2>/dev/null <"/proc/$process/comm" || continue
                    case $name in
                    postgres | initdb | sh | setpriv | runuser | rm)
                        if [ "$process" != $$ ]; then kill -$signal "$process" 2>/dev/null && busy=yes; fi ;;
                    esac
                done
                # Killed outright, a server cannot give its shared memory back; it needs five seconds at worst.
                [ "$round" -lt 80 ] || signal=KILL
                if [ -n "$busy" ]; then
                    sleep 0.1
                    continue
                fi
                rm -rf -- "$2" "$3" 2>/dev/null
                if [ ! -e "$2" ]; then
                    # A server killed by a test could not give its memory back.
                    [ -z "$memory" ] || ipcrm -m "$memory" 2>/dev/null
                    exit 0
                fi
            done
            exit 1
            """#
        var ends: [Int32] = [0, 0]
        // A socket pair, because it can be closed to other children from its first moment on.
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw LocalPostgresError(.command, "Could not make a socket pair: \(systemMessage()).")
        }
        defer { close(ends[0]) }
        let silence = open("/dev/null", O_WRONLY | O_CLOEXEC)
        defer { close(silence) }
        let process: pid_t
        do {
            process = try Command.spawn(
                [
                    "/bin/sh", "-c", script, "turnup-guard", layout.directory, layout.stateDirectory,
                    layout.socketDirectory,
                ], input: ends[0], output: silence)
        } catch {
            close(ends[1])
            throw error
        }
        return Guard(process: process, pipe: ends[1])
    }
}
