import WorkflowCore
import WorkflowFiles

extension AmazonStates {
    /// Reads a state machine (JSON) as a definition file: tasks of `http:invoke`, Choice, Wait, Pass, Succeed and Fail in
    /// JSONPath form. Whatever else it holds is a problem with its place.
    ///
    /// `name` is shown in messages; its last part without suffix becomes the workflow's name. Only GET counts as
    /// harmless to repeat, so the rules of the language ask about what the state machine left open.
    public static func `import`(_ bytes: [UInt8], name: String) -> Import {
        let machine: JSONValue
        do throws(JSONError) {
            machine = try JSONValue.parse(bytes)
        } catch {
            let problem = WorkflowProblem(
                file: name, position: SourcePosition(line: error.line, column: error.column), code: .notYAML,
                message: "this is no JSON: \(error.message)")
            return Import(yaml: nil, losses: [], problems: [problem], fileName: StatesImporter.workflow(name) + ".yaml")
        }
        var importer = StatesImporter(file: name)
        let tree = importer.definition(of: Located(machine, DefinitionPath()))
        let isSound = importer.problems.isEmpty
        return Import(
            yaml: isSound ? YAMLText.text(of: tree) : nil, losses: importer.losses,
            problems: WorkflowFile.placed(importer.problems, in: bytes, name: name),
            fileName: StatesImporter.workflow(name) + ".yaml")
    }
}

/// A value with its place.
struct Located {
    let value: JSONValue
    let path: DefinitionPath

    init(_ value: JSONValue, _ path: DefinitionPath) {
        self.value = value
        self.path = path
    }

    subscript(name: String) -> Located? { value[name].map { Located($0, path.member(name)) } }

    var members: [(name: String, value: Located)] {
        (value.objectValue?.members ?? []).map { ($0.name, Located($0.value, path.member($0.name))) }
    }

    var items: [Located] {
        (value.arrayValue ?? []).enumerated().map { Located($0.element, path.item($0.offset)) }
    }
}

/// Turns one state machine into the tree of a definition.
struct StatesImporter {
    let file: String
    private(set) var losses: [String] = []
    private(set) var problems: [DefinitionProblem] = []

    /// The definition's names for the machine's states.
    private var names: [String: String] = [:]
    private(set) var inputs: [String] = []
    private(set) var variables: [String] = []
    var secrets: [String] = []
    var services = JSONObject()
    var policies = JSONObject()
    /// Whether a state ends the execution without being Succeed.
    private var needsEnd = false
    private var endName = "done"

    init(file: String) { self.file = file }

    mutating func lose(_ text: String) {
        if !losses.contains(text) { losses.append(text) }
    }

    mutating func refuse(
        _ path: DefinitionPath, _ message: String, at spot: DefinitionPath.Spot = .value,
        code: ProblemCode = .wrongType, hint: String? = nil
    ) {
        problems.append(DefinitionProblem(path: path, spot: spot, code: code, message: message, hint: hint))
    }

    /// Refuses every member that is not named.
    mutating func allow(_ names: [String], in node: Located, _ title: String) {
        guard node.value.objectValue != nil else { return refuse(node.path, "\(title) must be an object") }
        for member in node.members where !names.contains(member.name) {
            refuse(
                member.value.path, "\"\(member.name)\" in \(title) is not taken by the import", at: .name,
                code: .unknownKey)
        }
    }

    mutating func text(_ node: Located?, _ title: String, in owner: Located) -> String? {
        guard let node else {
            refuse(owner.path, "\(title) is missing")
            return nil
        }
        if let text = node.value.stringValue { return text }
        refuse(node.path, "\(title) must be a text")
        return nil
    }

    mutating func note(input name: String) { if !inputs.contains(name) { inputs.append(name) } }
    mutating func note(variable name: String) { if !variables.contains(name) { variables.append(name) } }

    /// The definition's name of a state that the machine names here.
    mutating func state(_ node: Located?, in owner: Located) -> String? {
        guard let name = text(node, "the next state's name", in: owner) else { return nil }
        if let known = names[name] { return known }
        refuse(node?.path ?? owner.path, "there is no state \"\(name)\"", code: .unknownName)
        return nil
    }

    mutating func definition(of machine: Located) -> JSONValue {
        allow(
            ["Comment", "StartAt", "States", "Version", "TimeoutSeconds", "QueryLanguage"], in: machine,
            "the state machine")
        if let language = machine["QueryLanguage"], language.value != "JSONPath" {
            refuse(language.path, "only the query language JSONPath is taken")
        }
        if machine["TimeoutSeconds"] != nil { lose("TimeoutSeconds of the whole machine, a deadline") }
        let states = machine["States"]
        if states?.value.objectValue?.isEmpty != false { refuse(machine.path, "States is missing or empty") }
        nameStates(states)
        let start = state(machine["StartAt"], in: machine) ?? ""
        var written = JSONObject()
        for (name, node) in states?.members ?? [] {
            if let name = names[name] { written[name] = .object(state(node)) }
        }
        addEnds(&written)
        var tree: JSONObject = [
            "dsl": 1, "workflow": .string(Self.workflow(file)), "version": 1,
        ]
        if let comment = machine["Comment"]?.value.stringValue { tree["title"] = .string(comment) }
        tree["key"] = .string("${input.\(inputs.first ?? "key")}")
        lose(
            "key: \(inputs.first.map { "the first input that is read, \($0)," } ?? "an input of that name") says what a run is about"
        )
        tree["start"] = .string(start)
        tree["input"] = .object(fields(inputs.isEmpty ? ["key"] : inputs, firstKind: "string"))
        if !variables.isEmpty { tree["data"] = .object(fields(variables, firstKind: nil)) }
        if !secrets.isEmpty { tree["secrets"] = .array(secrets.map { .string($0) }) }
        if !services.isEmpty { tree["services"] = .object(services) }
        if !policies.isEmpty { tree["retries"] = .object(policies) }
        tree["states"] = .object(written)
        return .object(tree)
    }

    /// The workflow's name, from the file's.
    static func workflow(_ file: String) -> String {
        let last = file.split(separator: "/").last ?? ""
        return plainName(last.split(separator: ".").first.map(String.init) ?? "", fallback: "imported")
    }

    private mutating func fields(_ names: [String], firstKind: String?) -> JSONObject {
        lose("types of \(names.joined(separator: ", ")): any is taken; nothing is marked secret")
        var fields = JSONObject()
        for (index, name) in names.enumerated() {
            let all: JSONValue = ["string", "number", "boolean", "object", "array", "null"]
            fields[name] = ["type": index == 0 ? firstKind.map { .string($0) } ?? all : all]
        }
        return fields
    }

    private mutating func nameStates(_ states: Located?) {
        var taken: Set<String> = []
        for (name, _) in states?.members ?? [] {
            let plain = Self.plainName(name, fallback: "state")
            var free = plain
            var number = 2
            while !taken.insert(free).inserted {
                free = "\(plain)-\(number)"
                number += 1
            }
            names[name] = free
            if free != name { lose("state \"\(name)\" is called \(free)") }
        }
        while taken.contains(endName) { endName += "-" }
    }

    /// Letters, digits, _ and -, beginning with a letter.
    static func plainName(_ text: String, fallback: String) -> String {
        var name = ""
        for byte in text.utf8 {
            let isLetter = byte.isASCIILetter
            let isOther = byte.isASCIIDigit || byte == UInt8(ascii: "_")
            if isLetter || (isOther && !name.isEmpty) {
                name.unicodeScalars.append(Unicode.Scalar(byte))
            } else if !name.isEmpty, name.last != "-" {
                name += "-"
            }
        }
        while name.last == "-" { name.removeLast() }
        return name.isEmpty ? fallback : String(name.prefix(55))
    }

    /// A definition has an end of each kind.
    private mutating func addEnds(_ states: inout JSONObject) {
        func has(_ end: JSONValue) -> Bool { states.members.contains { $0.value["end"] == end } }
        if needsEnd || !has("succeeded") { states[endName] = ["end": "succeeded"] }
        guard !has("failed") else { return }
        var name = "failed"
        while states[name] != nil { name += "-" }
        states[name] = ["end": "failed"]
    }

    /// The way on of a state that is no Choice.
    mutating func exit(_ node: Located) -> JSONValue {
        if node["End"]?.value == true {
            needsEnd = true
            return .string(endName)
        }
        return .string(state(node["Next"], in: node) ?? "")
    }
}
