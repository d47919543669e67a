import Foundation

/// A file that the command line names, or standard input.
enum InputFile {
    /// No file that is read whole comes near this size; an endless one would fill the memory.
    private static let limit = 64 << 20

    /// A pipe can be read only once, so it must be asked for: a secret may come from <(a program).
    static func read(_ path: String, orPipe: Bool = false) throws -> Data {
        var facts = stat()
        guard stat(path, &facts) == 0 else { throw unreadable(path) }
        guard facts.st_mode & S_IFMT != S_IFDIR else {
            throw CommandFailure.badInput(TerminalTexts.unreadable(path, TerminalTexts.isFolder))
        }
        guard orPipe || facts.st_mode & S_IFMT == S_IFREG else {
            throw CommandFailure.badInput(TerminalTexts.unreadable(path, TerminalTexts.isNoRegularFile))
        }
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw unreadable(path) }
        defer { close(descriptor) }
        return try read(descriptor, name: path)
    }

    static func readStandardInput() throws -> Data { try read(STDIN_FILENO, name: TerminalTexts.standardInput) }

    private static func read(_ descriptor: Int32, name: String) throws -> Data {
        var data = Data()
        var piece = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = Foundation.read(descriptor, &piece, piece.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw unreadable(name) }
            if count == 0 { return data }
            data.append(contentsOf: piece[..<count])
            guard data.count <= limit else {
                throw CommandFailure.badInput(
                    TerminalTexts.unreadable(name, TerminalTexts.isTooLarge(mebibytes: limit >> 20)))
            }
        }
    }

    /// To be called before anything else can change `errno`.
    private static func unreadable(_ name: String) -> CommandFailure {
        .badInput(TerminalTexts.unreadable(name))
    }
}
