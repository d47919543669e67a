import EventStore
import WorkflowCore

/// Definitions by workflow and version. They never change once published, so they are read once.
actor DefinitionCache {
    private struct Name: Hashable {
        let workflow: String
        let version: Int
    }

    private let store: any EventStore
    private var known: [Name: Definition] = [:]

    init(store: any EventStore) { self.store = store }

    func definition(workflow: String, version: Int) async throws -> Definition {
        let name = Name(workflow: workflow, version: version)
        if let definition = known[name] { return definition }
        guard let stored = try await store.definition(workflow: workflow, version: version) else {
            throw StoreError(.unknownWorkflow, "\(workflow) version \(version) is not published")
        }
        let (read, problems) = Definition.read(canonical: try JSONValue.parse(stored.canonical))
        guard let definition = read else {
            let first = problems.first.map { "\($0.code.rawValue) \($0.message)" } ?? "nothing was read"
            throw StoreError(.broken, "\(workflow) version \(version) cannot be read by this turnup: \(first)")
        }
        known[name] = definition
        return definition
    }
}
