import Foundation

/// A file that the command line names.
enum InputFile {
    static func read(_ path: String) throws -> Data {
        var facts = stat()
        guard stat(path, &facts) == 0 else {
            throw CommandFailure.badInput("\(path) cannot be read: \(String(cString: strerror(errno)))")
        }
        guard facts.st_mode & S_IFMT != S_IFDIR else {
            throw CommandFailure.badInput("\(path) cannot be read: it is a folder")
        }
        do { return try Data(contentsOf: URL(fileURLWithPath: path)) } catch {
            throw CommandFailure.badInput("\(path) cannot be read: \((error as NSError).localizedDescription)")
        }
    }
}
