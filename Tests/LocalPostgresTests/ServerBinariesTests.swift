import Foundation
import Testing

@testable import LocalPostgres

@Suite(.blocking) struct ServerBinariesTests {
    @Test func `finds the programs without any help, in a supported version`() throws {
        let found = try ServerBinaries.find(named: nil, dataVersion: nil, searchPath: "/usr/bin:/bin")
        #expect(found.majorVersion >= ServerBinaries.oldestMajorVersion)
        #expect(found.directory.hasPrefix("/"))
    }

    @Test func `a named folder without the programs is an error that says how to name one`() throws {
        let folder = try Folder()
        let error = try localError {
            _ = try ServerBinaries.find(named: folder.path, dataVersion: nil, searchPath: "/usr/bin")
        }
        #expect(error.code == .notInstalled)
        #expect(error.message.contains(folder.path))
        #expect(error.hint.contains("TURNUP_POSTGRES_BIN"))
    }

    @Test func `an old version is refused with its number`() throws {
        let folder = try fake("postgres (PostgreSQL) 12.22 (Debian 12.22-1)")
        let error = try localError {
            _ = try ServerBinaries.find(named: folder.path, dataVersion: nil, searchPath: "")
        }
        #expect(error.code == .tooOld)
        #expect(error.message.contains("found 12 in \(folder.path)"))
    }

    @Test func `development versions count by their number`() throws {
        let folder = try fake("postgres (PostgreSQL) 19devel")
        #expect(try ServerBinaries.find(named: folder.path, dataVersion: 19, searchPath: "").majorVersion == 19)
    }

    @Test func `existing data decides between several installed versions`() throws {
        let folder = try fake("postgres (PostgreSQL) 91.3")
        let installed = try ServerBinaries.find(named: nil, dataVersion: nil, searchPath: "/usr/bin")
        let path = "/usr/bin:\(folder.path)"
        #expect(try ServerBinaries.find(named: nil, dataVersion: 91, searchPath: path).directory == folder.path)
        let matching = try ServerBinaries.find(named: nil, dataVersion: installed.majorVersion, searchPath: path)
        #expect(matching.directory == installed.directory)
    }

    private func fake(_ version: String) throws -> Folder {
        let folder = try Folder()
        // Written by another process: while this one had the file open, any child it starts would keep it busy.
        let script =
            #"for name in initdb postgres; do printf '#!/bin/sh\necho "%s"\n' "$2" >"$1/$name"; done; chmod +x "$1"/*"#
        try #require(try Command(["/bin/sh", "-c", script, "sh", folder.path, version]).run().succeeded)
        return folder
    }
}
