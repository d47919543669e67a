#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

extension KeyRing {
    /// Reads a key file.
    ///
    /// - Throws: `key_file_missing`; `key_file_not_private` when group or others may read it, when it or a
    ///   symbolic link to it belongs to somebody else than this user and root; `key_file_format`;
    ///   `key_file_unusable` for what the system reports.
    ///
    /// `isGuarded`: the file lies in a folder that a service manager made for this process alone. The file may then let
    /// one account read it by an access list, which shows as the group's right.
    public static func load(path: String, isGuarded: Bool = false) throws(VaultError) -> KeyRing {
        var link = stat()
        guard lstat(path, &link) == 0 else {
            if errno == ENOENT || errno == ENOTDIR { throw missing(path) }
            throw unusable("look at", path)
        }
        if link.st_mode & S_IFMT == S_IFLNK, !isTrustedOwner(link.st_uid) {
            throw VaultError(
                .keyFileNotPrivate, "\(path) is a symbolic link that belongs to user \(link.st_uid)",
                hint: "name the key file itself, or a link of your own")
        }
        // Not blocking, so that a pipe in the file's place cannot stop the program.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            if errno == ENOENT { throw missing(path) }
            throw unusable("open", path)
        }
        defer { close(descriptor) }
        // What counts is the opened file, not the path, which could change in between.
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw unusable("look at", path) }
        try check(status, path: path, forbidden: isGuarded ? 0o037 : 0o077)
        return try KeyRingFile.keyRing(from: try readAll(descriptor, path: path), path: path)
    }

    /// Makes a new ring and its file, and writes the file to the disk before it becomes visible. The file has mode
    /// 0600; its folder, if it has to be made, has mode 0700. If the file is there already, or another process makes it
    /// first, the ring is read from it.
    public static func create(path: String) throws(VaultError) -> KeyRing {
        let folder = folder(of: path)
        try makeFolder(folder)
        let ring = generate()
        let bytes: [UInt8]
        do { bytes = try KeyRingFile(ring).encoded() } catch {
            throw VaultError(.keyFileUnusable, "the new keys could not be written as text", hint: "try again")
        }
        let temporary = "\(path).\(getpid()).\(Encodings.hex(ring.temporarySuffix))"
        try writeFile(bytes, to: temporary)
        defer { unlink(temporary) }
        // A hard link appears whole and only where there is nothing yet, which renaming cannot promise.
        if link(temporary, path) != 0 {
            guard errno == EEXIST else { throw unusable("create", path) }
            return try load(path: path)
        }
        try synchroniseFolder(folder)
        return ring
    }

    private var temporarySuffix: [UInt8] { Array(keyedDigest(label: "turnup temporary name 1", of: []).prefix(6)) }

    private static func isTrustedOwner(_ user: uid_t) -> Bool { user == geteuid() || user == 0 }

    private static func check(_ status: stat, path: String, forbidden: mode_t) throws(VaultError) {
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw VaultError(.keyFileUnusable, "\(path) is not a regular file", hint: "name the key file itself")
        }
        guard isTrustedOwner(status.st_uid) else {
            throw VaultError(
                .keyFileNotPrivate, "key file \(path) belongs to user \(status.st_uid)",
                hint: "make it the property of the user that runs this program")
        }
        guard status.st_mode & forbidden == 0 else {
            let mode = String(status.st_mode & 0o777, radix: 8)
            throw VaultError(
                .keyFileNotPrivate, "key file \(path) has mode 0\(mode), so others than its owner can use it",
                hint: "chmod 600 \(path), and think about who may have read it")
        }
    }

    private static func readAll(_ descriptor: Int32, path: String) throws(VaultError) -> [UInt8] {
        let limit = 65_536
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            if count < 0 {
                if errno == EINTR { continue }
                throw unusable("read", path)
            }
            if count == 0 { return bytes }
            bytes += buffer.prefix(count)
            guard bytes.count <= limit else {
                throw VaultError(
                    .keyFileFormat, "\(path) is longer than a key file can be (\(limit) bytes)",
                    hint: "name the key file itself")
            }
        }
    }

    private static func writeFile(_ bytes: [UInt8], to path: String) throws(VaultError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw unusable("create", path) }
        var isWhole = false
        defer {
            close(descriptor)
            if !isWhole { unlink(path) }
        }
        guard fchmod(descriptor, 0o600) == 0 else { throw unusable("protect", path) }
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR { continue }
                throw unusable("write", path)
            }
            rest = rest.dropFirst(count)
        }
        guard fsync(descriptor) == 0 else { throw unusable("write", path) }
        isWhole = true
    }

    private static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    private static func makeFolder(_ folder: String) throws(VaultError) {
        if mkdir(folder, 0o700) == 0 || errno == EEXIST { return }
        guard errno == ENOENT, folder.contains("/") else { throw unusable("create the folder", folder) }
        try makeFolder(Self.folder(of: folder))
        guard mkdir(folder, 0o700) == 0 || errno == EEXIST else { throw unusable("create the folder", folder) }
    }

    private static func synchroniseFolder(_ folder: String) throws(VaultError) {
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw unusable("open the folder", folder) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw unusable("write the folder", folder) }
    }

    private static func missing(_ path: String) -> VaultError {
        VaultError(
            .keyFileMissing, "there is no key file at \(path)",
            hint: "restore it from its backup, or create a new one for a new installation")
    }

    /// To be called before anything else can change `errno`.
    private static func unusable(_ verb: String, _ path: String) -> VaultError {
        let reason = String(cString: strerror(errno))
        return VaultError(
            .keyFileUnusable, "could not \(verb) \(path): \(reason)",
            hint: "check the path, its folder's owner and mode, and the free space")
    }
}
