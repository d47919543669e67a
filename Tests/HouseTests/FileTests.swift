import Foundation
import Testing

@Suite struct FileTests {
    @Test func `no Swift file is longer than 600 lines`() throws {
        let files = Repository.files(below: ["Sources", "Tests"], ending: ".swift")
        #expect(!files.isEmpty)
        for path in files {
            let count = try Repository.lines(path).count - 1
            #expect(count <= 600, "\(path) has \(count) lines")
        }
    }

    @Test func `every trap and every unchecked promise in the sources has its reason beside it`() throws {
        let dangerous =
            /\b(fatalError|preconditionFailure)\(|\btry!|\bas!\s|@unchecked\s+Sendable|nonisolated\(unsafe\)/
        let words = ["fatalError(", "preconditionFailure(", "try!", "as!", "@unchecked", "nonisolated(unsafe)"]
        for path in Repository.files(below: ["Sources"], ending: ".swift") {
            let text = try Repository.text(path)
            // Plain search first: matching every line of every file against a pattern takes seconds.
            guard words.contains(where: text.contains) else { continue }
            let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
            for (index, line) in lines.enumerated() where line.contains(dangerous) {
                let isComment = line.firstMatch(of: /^\s*\/\//) != nil
                let above = index > 0 ? lines[index - 1] : ""
                #expect(
                    isComment || line.contains("//") || above.contains("//"), "\(path):\(index + 1) gives no reason")
            }
        }
    }

    @Test func `SQL is spoken in the event store only`() throws {
        // Session settings, clusters and whole databases are no business of the event store.
        let speakers: Set = ["EventStore", "Postgres", "LocalPostgres", "TestSupport"]
        let statement =
            /"\s*(?:SELECT|INSERT|UPDATE|DELETE|CREATE|ALTER|DROP|TRUNCATE|COPY|LISTEN|NOTIFY|WITH)\s|\b(?:insert\s+into\s|delete\s+from\s|select\s+\S.*\sfrom\s|update\s+\S+\s+set\s|create\s+(?:table|role|index)\s)/
        for path in Repository.files(below: ["Sources"], ending: ".swift")
        where !speakers.contains(Repository.target(of: path)) {
            for (index, line) in try Repository.lines(path).enumerated() where line.contains("\"") {
                let isComment = line.firstMatch(of: /^\s*\/\//) != nil
                #expect(isComment || line.firstMatch(of: statement) == nil, "\(path):\(index + 1) speaks SQL")
            }
        }
    }
}

/// Whether the repository has the folder; rules about it hold as soon as it does.
private func hasFolder(_ name: String) -> Bool {
    FileManager.default.fileExists(atPath: Repository.root.appendingPathComponent(name).path)
}

@Suite(.enabled(if: hasFolder("sql"), "there is no sql folder yet"))
struct SQLFileTests {
    private let files = Repository.files(below: ["sql"], ending: ".sql")

    @Test func `every SQL file is a migration, a function or what the migrator itself needs`() {
        #expect(!files.isEmpty)
        for path in files {
            #expect(
                path.wholeMatch(of: /sql\/(bootstrap|migrations\/\d{4}_[a-z0-9_]+|functions\/[a-z0-9_]+)\.sql/) != nil,
                "\(path) is none of sql/bootstrap.sql, sql/migrations/NNNN_name.sql and sql/functions/name.sql")
        }
    }

    @Test func `migrations are numbered from 0001 without a gap`() {
        let numbers = files.filter { $0.hasPrefix("sql/migrations/") }.compactMap { path in
            path.split(separator: "/").last.flatMap { Int($0.prefix(4)) }
        }
        #expect(numbers == Array(1..<(numbers.count + 1)))
    }

    /// Embedding turns a file's name into an identifier whose first character cannot be a digit.
    @Test func `no two SQL files get the same name when they are embedded`() {
        let names = files.map { path in
            let name = path.split(separator: "/").last.map(String.init) ?? path
            return name.first?.isNumber == true ? "_" + name.dropFirst() : name
        }
        #expect(Set(names).count == names.count, "\(names.sorted())")
    }

    @Test func `the event store embeds the folder sql itself`() {
        let embedded = Repository.root.appendingPathComponent("Sources/EventStore/SQL").resolvingSymlinksInPath().path
        #expect(embedded == Repository.root.appendingPathComponent("sql").resolvingSymlinksInPath().path)
    }
}
