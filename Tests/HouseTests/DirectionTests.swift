import Foundation
import Testing

/// Which of our targets may know which others; a new edge is a decision, made here.
private let allowed: [String: Set<String>] = [
    "CLibpq": [],
    "Postgres": ["CLibpq"],
    "WorkflowCore": [],
    "WorkflowFiles": ["WorkflowCore"],
    "AmazonStates": ["WorkflowCore", "WorkflowFiles"],
    "Vault": ["WorkflowCore"],
    "EventStore": ["WorkflowCore", "Postgres", "Vault"],
    "HTTPActions": ["WorkflowCore", "Vault"],
    // The worker's pure part: it lies in the worker's folders, and the compiler keeps it pure.
    "WorkerMachines": ["WorkflowCore"],
    "Worker": ["WorkerMachines", "WorkflowCore", "EventStore", "HTTPActions", "Vault", "Diagnostics"],
    "Diagnostics": ["WorkflowCore", "EventStore"],
    "PlatformSimulator": [],
    "LocalPostgres": [],
    // A program of its own, because it runs optimised and for hours. It judges what decides, so it knows nothing else.
    "Simulation": ["WorkflowCore", "WorkerMachines"],
]

/// Targets that wire the others together.
private let mayImportAll: Set = ["turnup", "TestSupport"]

@Suite struct DirectionTests {
    @Test func `the package description has no edge between our targets that the table lacks`() throws {
        let targets = try Manifest.read().targets.filter { $0.type != "test" }
        let names = Set(targets.map(\.name))
        #expect(targets.contains { $0.name == "LocalPostgres" }, "the description was not understood")
        for target in targets where !mayImportAll.contains(target.name) {
            let table = try #require(allowed[target.name], "\(target.name) is not in the table")
            let extra = Set(target.dependencies.compactMap(\.name)).intersection(names).subtracting(table)
            #expect(extra.isEmpty, "\(target.name) may not depend on \(extra.sorted())")
        }
    }

    /// A dependency's dependency can be imported without being named in the manifest.
    @Test func `no source file imports a target that the table lacks`() throws {
        for path in Repository.files(below: ["Sources"], ending: ".swift") {
            let target = Repository.target(of: path)
            guard !mayImportAll.contains(target) else { continue }
            for module in try imports(path) where allowed.keys.contains(module) || mayImportAll.contains(module) {
                #expect(allowed[target]?.contains(module) == true, "\(path) imports \(module)")
            }
        }
    }

    @Test func `the core imports nothing, so it has no clock, no files and no network`() throws {
        for path in Repository.files(below: ["Sources/WorkflowCore"], ending: ".swift") {
            #expect(try imports(path).isEmpty, "\(path) imports something")
        }
    }

    @Test func `the worker's machines import the core alone, so they have no clock, no random and no input or output`()
        throws
    {
        let files = Repository.files(below: ["Sources/Worker/Machines"], ending: ".swift")
        #expect(!files.isEmpty)
        for path in files {
            #expect(try Set(imports(path)).isSubset(of: ["WorkflowCore"]), "\(path) imports something else")
        }
    }

    @Test func `the simulation imports the core, the machines and the system, so that its optimised build stays small`()
        throws
    {
        let files = Repository.files(below: ["Tests/Simulation"], ending: ".swift")
        #expect(!files.isEmpty)
        for path in files {
            let extra = try Set(imports(path)).subtracting(
                ["WorkflowCore", "WorkerMachines", "Foundation", "Synchronization"])
            #expect(extra.isEmpty, "\(path) imports \(extra.sorted())")
        }
    }

    @Test func `the private PostgreSQL imports the system only`() throws {
        for path in Repository.files(below: ["Sources/LocalPostgres"], ending: ".swift") {
            let extra = try Set(imports(path)).subtracting(["Foundation", "Glibc", "Synchronization"])
            #expect(extra.isEmpty, "\(path) imports \(extra.sorted())")
        }
    }

    private func imports(_ path: String) throws -> [String] {
        try Repository.lines(path).filter { $0.contains("import ") }.compactMap { line in
            line.firstMatch(
                of:
                    /^\s*(?:@\S+\s+|public\s+|package\s+|internal\s+|private\s+|fileprivate\s+)*import\s+(?:(?:struct|class|enum|func|protocol|typealias|let|var)\s+)?(\w+)/
            )
            .map { String($0.1) }
        }
    }
}

/// The package's own description of itself.
private struct Manifest: Decodable {
    struct Target: Decodable {
        let name: String
        let type: String
        let dependencies: [Dependency]
    }

    /// Written as `{"byName": ["Name", null]}` or `{"product": ["Name", "package", …]}`.
    struct Dependency: Decodable {
        let name: String?

        init(from decoder: any Decoder) throws {
            let kinds = try decoder.singleValueContainer().decode([String: [Unread]].self)
            name = (kinds["byName"] ?? kinds["target"])?.first?.text
        }
    }

    struct Unread: Decodable {
        let text: String?

        init(from decoder: any Decoder) throws {
            text = try? decoder.singleValueContainer().decode(String.self)
        }
    }

    let targets: [Target]

    static func read() throws -> Manifest {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("house-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let output = folder.appendingPathComponent("package.json")
        try #require(FileManager.default.createFile(atPath: output.path, contents: nil))
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        // A scratch folder of its own: the running test holds the lock on the usual one.
        process.arguments = [
            "swift", "package", "--package-path", Repository.root.path, "--scratch-path", folder.path, "dump-package",
        ]
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = try FileHandle(forWritingTo: output)
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "swift package dump-package failed")
        return try JSONDecoder().decode(Manifest.self, from: Data(contentsOf: output))
    }
}
