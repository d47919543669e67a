import Foundation
import Testing
import WorkflowCore
import WorkflowFiles

@Suite("Schema for editors")
struct SchemaTests {
    /// What one value alone tells; the rest of the corpus takes more than a schema.
    private static let seen: Set<String> = [
        "e101-misspelt-idempotency", "e101-misspelt-in-reconcile", "e101-unknown-in-signal", "e207-choose-nothing",
        "e102-cooldown",
        "e102-deadline-number", "e102-error-beside-status", "e102-fresh", "e102-gone-word", "e102-hmac",
        "e102-inspect-nothing",
        "e102-inspect-two-ways", "e102-limits-nothing", "e102-live-runs",
        "e102-no-time", "e102-probe-harmful",
        "e102-rate",
        "e102-rate-count", "e102-rate-sign",
        "e102-stable-once", "e102-undo-by-name", "e102-undo-is-a-call", "e102-where-missing",
        "e103-each", "e103-schedule", "e105-no-text", "e202-start-missing", "e202-start-missing-waits",
        "e303-activation",
        "e303-empty-policy", "e314-before-without-gone", "e314-no-gone",
    ]

    /// Prints the names of the files that the schema refuses.
    private static let script = """
        import json, sys
        try:
            import jsonschema
        except ImportError:
            print("no jsonschema"); sys.exit(3)
        schema = json.load(open(sys.argv[1]))
        jsonschema.Draft7Validator.check_schema(schema)
        validator = jsonschema.Draft7Validator(schema)
        for name, value in json.load(open(sys.argv[2])).items():
            if not validator.is_valid(value):
                print(name)
        """

    @Test
    func `an outside validator accepts every valid file and refuses what a schema can see, by Python's jsonschema`()
        throws
    {
        var trees = JSONObject()
        for file in CorpusFile.broken + CorpusFile.valid {
            guard let tree = try file.check().tree else { continue }
            trees[file.name] = tree
        }
        let shipped = WorkflowFile.check(try Samples.shipped("whatsapp-number"), name: "whatsapp-number.yaml")
        let reference = WorkflowFile.check(Samples.reference, name: "whatsapp-number.yaml")
        for (name, check) in [("shipped", shipped), ("reference", reference)] {
            let tree: JSONValue = try #require(check.tree)
            trees[name] = tree
        }
        trees["nothing"] = [:]
        guard let refused = try refused(.object(trees)) else {
            print("skipped: there is no python3 with jsonschema here")
            return
        }
        #expect(refused.sorted() == (Self.seen.union(["nothing"])).sorted())
    }

    /// Nil where there is no validator.
    private func refused(_ trees: JSONValue) throws -> Set<String>? {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("schema-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let schema = directory.appendingPathComponent("schema.json")
        let files = directory.appendingPathComponent("files.json")
        try WorkflowSchema.text().write(to: schema, atomically: true, encoding: .utf8)
        try trees.serialized().write(to: files, atomically: true, encoding: .utf8)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["python3", "-c", Self.script, schema.path, files.path]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let bytes = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        // 127: no such program; 3: no such module.
        if [3, 127].contains(process.terminationStatus) { return nil }
        try #require(process.terminationStatus == 0, "the validator refuses the schema itself")
        return Set(String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init))
    }

    @Test
    func `the schema is JSON with a line break at its end and says what the table says, by reading it back`() throws {
        let text = WorkflowSchema.text()
        #expect(text.hasSuffix("\n}\n"))
        let schema = try JSONValue.parse(text)
        #expect(schema == Definition.schema)
        #expect(schema["additionalProperties"] == false)
        #expect(schema["required"] == ["dsl", "workflow", "version", "key", "start", "states"])
        func note(_ keyword: String) -> String? { schema["properties"]?[keyword]?["description"]?.stringValue }
        #expect(note("signals")?.hasSuffix("Not run yet.") == true)
        #expect(note("limits")?.hasSuffix("others wait.") == true)
        #expect(schema["definitions"]?["call"]?["properties"]?["request"] != nil)
    }
}
