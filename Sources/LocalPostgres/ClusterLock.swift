import Glibc

/// Lets one command at a time make, start or stop the server.
enum ClusterLock {
    /// Runs the body while holding the lock; the system gives it up when its holder ends, however it ends.
    static func holding<Result>(
        _ path: String, timeoutSeconds: Int, _ body: () throws(LocalPostgresError) -> Result
    ) throws(LocalPostgresError) -> Result {
        let file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard file >= 0 else {
            throw LocalPostgresError(.folder, "Could not open the lock file \(path): \(systemMessage()).")
        }
        defer { close(file) }
        let deadline = Deadline(seconds: timeoutSeconds)
        while flock(file, LOCK_EX | LOCK_NB) != 0 {
            guard errno == EWOULDBLOCK || errno == EINTR else {
                throw LocalPostgresError(.folder, "Could not lock \(path): \(systemMessage()).")
            }
            if deadline.isOver {
                throw LocalPostgresError(
                    .busy,
                    "Another command has been starting or stopping the private database for "
                        + "\(timeoutSeconds) seconds; it holds \(path).",
                    hint: "Find it with: fuser -v \(path)")
            }
            usleep(20000)
        }
        return try body()
    }
}
