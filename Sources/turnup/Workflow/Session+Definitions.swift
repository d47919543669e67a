import EventStore
import WorkflowCore

extension Session {
    /// A published definition, the newest unless a version is named.
    func definition(workflow: String, version: Int?) async throws -> Definition {
        guard let published = try await store.definition(workflow: workflow, version: version) else {
            throw StoreError.notPublished(workflow, version: version)
        }
        guard let definition = Definition.read(canonical: try JSONValue.parse(published.canonical)).definition
        else {
            throw CommandFailure.failed("the stored definition of \(workflow) cannot be read by this version")
        }
        return definition
    }
}
