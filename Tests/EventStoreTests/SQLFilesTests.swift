import Foundation
import Testing

@testable import EventStore

@Suite struct SQLFilesTests {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("sql")

    @Test(arguments: ["migrations", "functions"])
    func `the list in the program names exactly the files of the folder, with their text`(
        _ kind: String
    ) throws {
        let list = kind == "migrations" ? SQLFiles.migrations : SQLFiles.functions
        let folder = Self.folder.appendingPathComponent(kind)
        let files = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".sql") }
        #expect(!files.isEmpty)
        #expect(list.map { "\($0.name).sql" } == files.sorted())
        for file in list {
            let text = try String(contentsOf: folder.appendingPathComponent("\(file.name).sql"), encoding: .utf8)
            #expect(file.text == text, "\(file.name)")
        }
    }

    @Test func `a function's file holds that function`() {
        for file in SQLFiles.functions {
            #expect(file.text.contains("create or replace function turnup.\(file.name)("), "\(file.name)")
        }
    }
}
