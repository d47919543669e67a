import EventStore
import WorkflowCore

extension Session {
    /// A published definition as it is stored, the newest unless a version is named.
    func published(_ workflow: String, version: Int?, hint: String? = nil) async throws -> PublishedDefinition {
        guard let found = try await store.definition(workflow: workflow, version: version) else {
            throw StoreError.notPublished(workflow, version: version, hint: hint)
        }
        return found
    }

    /// A published definition, read.
    func definition(workflow: String, version: Int?) async throws -> Definition {
        try await published(workflow, version: version).definition()
    }
}

extension PublishedDefinition {
    func definition() throws -> Definition {
        guard let definition = Definition.read(canonical: try JSONValue.parse(canonical)).definition else {
            throw WorkflowTexts.unreadable(workflow)
        }
        return definition
    }
}
