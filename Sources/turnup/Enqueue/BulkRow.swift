import EventStore
import Foundation
import WorkflowCore

/// Why a row of a file does not become a run.
struct BulkRejection: Error, Sendable {
    let code: String
    let reason: String

    init(_ code: StoreError.Code, _ reason: String) {
        self.code = code.rawValue
        self.reason = reason
    }

    init(_ error: StoreError) {
        code = error.code.rawValue
        reason = error.message
    }
}

/// What the rows of one file must look like: the workflow's published versions, and the file's columns.
struct BulkRules: Sendable {
    let workflow: String
    /// By version.
    let definitions: [Int: Definition]
    /// What a row without a version of its own is checked by.
    let version: Int
    let hasOrganisation: Bool
    /// Of a CSV file.
    var columns: [String] = []

    /// Columns beside the inputs; an input of the same name goes before.
    static let extraColumns = ["organisation", "due", "version"]
    /// What a reject file adds. It may stay when the file is corrected and given again.
    static let rejectColumns = ["rejected_line", "rejected_code", "rejected_reason", "rejected_text"]

    func isInput(_ name: String) -> Bool {
        definitions.values.contains { $0.input.contains { $0.name == name } }
    }

    /// Takes the head row of a CSV file; an error when its columns cannot be used.
    mutating func take(head: FileRecord?) throws {
        guard let head else { throw EnqueueTexts.emptyFile }
        guard case .fields(let fields) = head.content else {
            guard case .unreadable(let reason) = head.content else { return }
            throw EnqueueTexts.unreadableHead(line: head.line, reason)
        }
        columns = fields.map(\.text)
        let known = definitions[version]?.input.map(\.name) ?? []
        for (index, column) in columns.enumerated() {
            if columns[..<index].contains(column) { throw EnqueueTexts.columnTwice(Table.visible(column)) }
            guard isInput(column) || (Self.extraColumns + Self.rejectColumns).contains(column) else {
                throw EnqueueTexts.noColumn(Table.visible(column), workflow, allowed: known + Self.extraColumns)
            }
        }
        for field in definitions[version]?.input ?? [] where field.defaultValue == nil && !columns.contains(field.name)
        {
            throw EnqueueTexts.columnMissing(field.name)
        }
        guard hasOrganisation || columns.contains("organisation") && !isInput("organisation") else {
            throw EnqueueTexts.noOrganisation
        }
    }

    /// The run of a record.
    func line(_ record: FileRecord, id: Identifier) throws(BulkRejection) -> BulkLine {
        switch record.content {
        case .unreadable(let reason): throw BulkRejection(.badInput, reason)
        case .fields(let fields): try line(record.line, fields, id)
        case .line(let text): try line(record.line, text, id)
        }
    }

    private func line(_ number: Int64, _ fields: [CSVField], _ id: Identifier) throws(BulkRejection) -> BulkLine {
        guard fields.count == columns.count else {
            throw BulkRejection(.badInput, EnqueueTexts.fieldCount(fields.count, columns: columns.count))
        }
        var line = BulkLine(number: number, input: [], id: id)
        var texts: [(name: String, text: String)] = []
        for (column, field) in zip(columns, fields) where field.isGiven {
            if isInput(column) {
                texts.append((column, field.text))
            } else if column == "organisation" {
                line.organisation = field.text
            } else if column == "due" {
                line.due = try due(field.text)
            } else if column == "version" {
                guard let version = Int(field.text) else {
                    throw BulkRejection(.badInput, EnqueueTexts.badVersion(field.text))
                }
                line.version = version
            }
        }
        let definition = try definition(line.version)
        var input = JSONObject()
        for (name, text) in texts {
            guard let field = definition.input.first(where: { $0.name == name }) else {
                throw BulkRejection(.badInput, EnqueueTexts.undeclared(name, version: definition.version))
            }
            input[name] = try value(text, field)
        }
        try check(input, definition)
        JSONValue.object(input).serialized(into: &line.input)
        if let problem = InputLimit.problem(bytes: line.input.count) { throw BulkRejection(.badInput, problem) }
        return line
    }

    private func line(_ number: Int64, _ text: [UInt8], _ id: Identifier) throws(BulkRejection) -> BulkLine {
        let value: JSONValue
        do throws(JSONError) { value = try JSONValue.parse(text) } catch {
            throw BulkRejection(.badInput, EnqueueTexts.notJSON("\(error)"))
        }
        guard var input = value.objectValue else {
            throw BulkRejection(.badInput, EnqueueTexts.notObject(value.typeName))
        }
        guard !value.containsNul else { throw BulkRejection(.badInput, EnqueueTexts.holdsNUL) }
        var line = BulkLine(number: number, input: [], id: id)
        if let inner = input["input"]?.objectValue {
            for member in input.members {
                switch (member.name, member.value) {
                case ("input", _), ("rejected", _): break
                case ("organisation", .string(let name)): line.organisation = name
                case ("due", .string(let text)): line.due = try due(text)
                case ("version", .number(let number)) where number.isWhole:
                    guard let version = member.value.integerValue else {
                        throw BulkRejection(.badInput, EnqueueTexts.hugeVersion)
                    }
                    line.version = Int(version)
                default:
                    throw BulkRejection(.badInput, EnqueueTexts.besideInput(member.name))
                }
            }
            input = inner
        }
        let definition = try definition(line.version)
        for member in input.members where !definition.input.contains(where: { $0.name == member.name }) {
            throw BulkRejection(.badInput, EnqueueTexts.undeclared(member.name))
        }
        try check(input, definition)
        JSONValue.object(input).serialized(into: &line.input)
        if let problem = InputLimit.problem(bytes: line.input.count) { throw BulkRejection(.badInput, problem) }
        return line
    }

    private func definition(_ version: Int?) throws(BulkRejection) -> Definition {
        guard let definition = definitions[version ?? self.version] else {
            throw BulkRejection(
                .unknownWorkflow, EnqueueTexts.notPublished(workflow, version: version ?? self.version))
        }
        return definition
    }

    /// What SQL checks too, and what it cannot: patterns, lengths, ranges.
    private func check(_ input: JSONObject, _ definition: Definition) throws(BulkRejection) {
        for field in definition.input {
            if let value = input[field.name] {
                if let problem = field.problem(with: value) { throw BulkRejection(.badInput, "input \(problem)") }
            } else if field.defaultValue == nil {
                throw BulkRejection(.badInput, EnqueueTexts.missing(field.name))
            }
        }
    }

    private func value(_ text: String, _ field: FieldDefinition) throws(BulkRejection) -> JSONValue {
        guard let value = TypedArguments.value(text, field) else {
            throw BulkRejection(.badInput, TypedArguments.problem(text, field, called: "input"))
        }
        return value
    }

    private func due(_ text: String) throws(BulkRejection) -> Instant {
        let styles = [
            Date.ISO8601FormatStyle(includingFractionalSeconds: false),
            Date.ISO8601FormatStyle(includingFractionalSeconds: true),
        ]
        for style in styles {
            guard let date = try? style.parse(text), abs(date.timeIntervalSince1970) < 1e11 else { continue }
            return Instant(microseconds: Int64((date.timeIntervalSince1970 * 1_000_000).rounded()))
        }
        throw BulkRejection(.badInput, EnqueueTexts.badDue(text))
    }
}
