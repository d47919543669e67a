import Foundation
import WorkflowCore

/// A secret's value as people hand it over.
enum SecretValue {
    /// From a file, "-" for standard input; one newline at its end is left out.
    static func read(_ path: String, of name: String) throws -> String {
        let data = path == "-" ? try InputFile.readStandardInput() : try InputFile.read(path, orPipe: true)
        guard var text = String(data: data, encoding: .utf8) else {
            throw SecretTexts.notText(name)
        }
        if text.hasSuffix("\r\n") || text.hasSuffix("\n") { text.removeLast() }
        return text
    }

    static func check(_ text: String, of name: String) throws {
        guard !text.isEmpty else { throw SecretTexts.empty(name) }
        guard text.utf8.count <= 65_536, !text.utf8.contains(0) else {
            throw SecretTexts.tooLong(name)
        }
    }

    /// `NAME=@FILE` arguments, read. What is not of that form may be the secret itself, so it is not repeated.
    static func files(_ arguments: [String]) throws -> [(name: String, secret: Secret)] {
        var read: [(name: String, secret: Secret)] = []
        var hasReadInput = false
        for argument in arguments {
            let (name, text) = TypedArguments.split(argument)
            guard text.hasPrefix("@"), text.count > 1, !name.isEmpty else {
                throw SecretTexts.needsFile
            }
            guard !read.contains(where: { $0.name == name }) else {
                throw SecretTexts.twice(name)
            }
            let path = String(text.dropFirst())
            if path == "-" {
                guard !hasReadInput else { throw SecretTexts.oneFromInput }
                hasReadInput = true
            }
            let value = try Self.read(path, of: name)
            try check(value, of: name)
            read.append((name, Secret(value)))
        }
        return read
    }
}
