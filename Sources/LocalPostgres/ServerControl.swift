import Foundation
import Glibc

/// Starts the server, waits for it and stops it; callers hold the lock.
struct ServerControl {
    let layout: ClusterLayout
    let timeoutSeconds: Int

    /// Waits until a server is ready or gone.
    func settle(_ process: ServerProcess) throws(LocalPostgresError) -> ServerProcess? {
        let deadline = Deadline(seconds: timeoutSeconds)
        while true {
            guard case .server(let current) = ServerProcess.find(layout), current.identifier == process.identifier
            else {
                return nil
            }
            if current.phase == .ready { return current }
            if deadline.isOver {
                throw LocalPostgresError(
                    .start,
                    "The private database (process \(process.identifier)) is still "
                        + "\(current.phase == .stopping ? "stopping" : "starting") after \(timeoutSeconds) seconds.",
                    hint: "After a crash it first replays what was committed; try again. Its log is in "
                        + "\(layout.logDirectory).")
            }
            usleep(20000)
        }
    }

    /// Whether a server that calls itself ready can really be reached. It cannot when it is dying, or when somebody
    /// removed the folder of its socket.
    func answers(_ process: ServerProcess) -> Bool {
        let deadline = Deadline(seconds: 3)
        while ServerProcess.isServer(process.identifier, of: layout), !deadline.isOver {
            if ServerSocket.answers(at: layout.socketFile, timeoutMilliseconds: 1000) { return true }
            usleep(20000)
        }
        return false
    }

    /// Starts a server on existing data and waits until it accepts connections.
    func start(
        binaries: ServerBinaries, account: ServerAccount, settings: ClusterSettings
    ) throws(LocalPostgresError) -> ServerProcess {
        let deadline = Deadline(seconds: timeoutSeconds)
        while true {
            let log = ServerLog(layout)
            let identifier = try launch(binaries: binaries, account: account, settings: settings)
            if let ready = try waitForStart(identifier, deadline: deadline) { return ready }
            let reason = log.failureReason()
            // Children of a killed server hold its memory until they notice, at most one statement later.
            guard reason.contains("shared memory block"), !deadline.isOver else {
                throw LocalPostgresError(
                    .start, "The private database in \(layout.dataDirectory) did not start: \(reason).",
                    hint: "More may be in \(layout.startLog) and \(layout.logDirectory).")
            }
            usleep(200_000)
        }
    }

    private func waitForStart(
        _ identifier: pid_t, deadline: Deadline
    ) throws(LocalPostgresError) -> ServerProcess? {
        while true {
            if case .server(let process) = ServerProcess.find(layout), process.identifier == identifier,
                process.phase == .ready
            {
                return process
            }
            guard ServerProcess.isAlive(identifier) else { return nil }
            if deadline.isOver {
                throw LocalPostgresError(
                    .start,
                    "The private database (process \(identifier)) is still starting after \(timeoutSeconds) seconds.",
                    hint: "After a crash it first replays what was committed; try again. Its log is in "
                        + "\(layout.logDirectory).")
            }
            usleep(10000)
        }
    }

    private func launch(
        binaries: ServerBinaries, account: ServerAccount, settings: ClusterSettings
    ) throws(LocalPostgresError) -> pid_t {
        // Files left by a crash: in both lock files, a process number that another process has now would stop the
        // start.
        var stale = [layout.socketFile, "\(layout.socketFile).lock"]
        if case .stale = ServerProcess.find(layout) { stale.append(layout.processFile) }
        // The server empties a weekday's log only when it runs at that midnight, so a start does it too.
        // The shell's end hands the server over to the system, so nobody has to collect it.
        let script = #"""
            umask 077
            log=$1 logs=$2 server=$3 data=$4 conf=$5
            shift 5
            rm -f -- "$@"
            if [ -d "$logs" ]; then find "$logs" -type f \( -mtime +5 -o -size +64M \) -delete; fi
            "$server" -D "$data" -c config_file="$conf" </dev/null >"$log" 2>&1 &
            echo $!
            """#
        let outcome = try account.run(
            [
                "/bin/sh", "-c", script, "sh", layout.startLog, layout.logDirectory, binaries.postgres,
                layout.dataDirectory,
                settings.mainFile,
            ] + stale)
        guard outcome.succeeded,
            let identifier = pid_t(outcome.output.trimmingCharacters(in: .whitespacesAndNewlines))
        else {
            throw LocalPostgresError(
                .start, "Could not run \(binaries.postgres): \(lastLines(of: outcome.output)).")
        }
        return identifier
    }

    /// Stops a server: open transactions are rolled back, commits stay. Waits until its process is gone.
    func stop(_ process: ServerProcess) throws(LocalPostgresError) {
        let deadline = Deadline(seconds: timeoutSeconds)
        guard kill(process.identifier, SIGINT) == 0 || errno == ESRCH else {
            throw LocalPostgresError(
                .stop, "May not stop the private database (process \(process.identifier)): \(systemMessage()).")
        }
        while !ServerProcess.isGone(process.identifier, of: layout) {
            if deadline.isOver {
                throw LocalPostgresError(
                    .stop,
                    "The private database (process \(process.identifier)) did not stop within "
                        + "\(timeoutSeconds) seconds.",
                    hint: "Its log is in \(layout.logDirectory).")
            }
            usleep(10000)
        }
    }
}
