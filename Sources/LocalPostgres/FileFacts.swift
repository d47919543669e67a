import Glibc

/// What the file system says about a path, without following a link at its end.
struct FileFacts {
    let owner: uid_t
    let permissions: mode_t
    let isDirectory: Bool

    /// `nil` when nothing is there or it cannot be seen.
    init?(of path: String) {
        var facts = stat()
        guard lstat(path, &facts) == 0 else { return nil }
        owner = facts.st_uid
        permissions = facts.st_mode & 0o7777
        isDirectory = facts.st_mode & S_IFMT == S_IFDIR
    }
}

/// Makes a folder with exactly these permissions and this owner, or accepts one that already has them.
func makePrivateDirectory(
    _ path: String, permissions: mode_t, owner: ServerAccount? = nil
) throws(LocalPostgresError) {
    let wanted = owner?.userIdentifier ?? geteuid()
    if mkdir(path, permissions) == 0 {
        guard chmod(path, permissions) == 0,
            owner.map({ !$0.isForeign || lchown(path, $0.userIdentifier, $0.groupIdentifier) == 0 }) ?? true
        else {
            throw LocalPostgresError(.folder, "Could not set up the folder \(path): \(systemMessage()).")
        }
        return
    }
    guard errno == EEXIST else {
        throw LocalPostgresError(
            .folder, "Could not make the folder \(path): \(systemMessage()).",
            hint: "Check who owns the folder above it, or choose another place with TURNUP_STATE_DIR.")
    }
    guard let facts = FileFacts(of: path), facts.isDirectory else {
        throw LocalPostgresError(
            .folder, "\(path) is in the way: it is not a folder.",
            hint: "Move it away, or choose another place with TURNUP_STATE_DIR.")
    }
    guard facts.owner == wanted else {
        // Only root can mend a folder that was made by root but not handed over yet.
        if geteuid() == 0, facts.owner == 0, let owner,
            lchown(path, owner.userIdentifier, owner.groupIdentifier) == 0
        {
            return
        }
        throw LocalPostgresError(
            .folder,
            "The folder \(path) belongs to \(ServerAccount.describe(facts.owner)), "
                + "not to \(ServerAccount.describe(wanted)), and is not used.",
            hint: "Remove it if it is a leftover, or choose another place with TURNUP_STATE_DIR.")
    }
    if facts.permissions != permissions, chmod(path, permissions) != 0 {
        throw LocalPostgresError(.folder, "Could not set the permissions of \(path): \(systemMessage()).")
    }
}

/// Makes the missing folders of a path; existing ones stay as they are.
func makeDirectories(_ path: String, permissions: mode_t) throws(LocalPostgresError) {
    var current = ""
    for part in path.split(separator: "/") {
        current += "/\(part)"
        if mkdir(current, permissions) == 0 {
            chmod(current, permissions)  // whatever the umask is
            continue
        }
        let reason = errno
        // Some systems answer EROFS or EACCES for a folder that is there already.
        var facts = stat()
        if stat(current, &facts) == 0, facts.st_mode & S_IFMT == S_IFDIR { continue }
        throw LocalPostgresError(
            .folder, "Could not make the folder \(current): \(String(cString: strerror(reason))).",
            hint: "Check who owns the folder above it, or choose another place with TURNUP_STATE_DIR.")
    }
}

/// The path without symbolic links, as far as it exists.
func resolvedPath(_ path: String) -> String {
    var existing = path
    var missing: [Substring] = []
    while !existing.isEmpty {
        if let real = realpath(existing, nil) {
            defer { free(real) }
            let start = String(cString: real)
            return missing.isEmpty
                ? start : ([start == "/" ? "" : start] + missing.map(String.init)).joined(separator: "/")
        }
        guard let slash = existing.lastIndex(of: "/") else { break }
        missing.insert(existing[existing.index(after: slash)...], at: 0)
        existing = slash == existing.startIndex && existing.count > 1 ? "/" : String(existing[..<slash])
    }
    return path
}
