import EventStore
import HTTPActions
import Logging
import Vault
import WorkflowCore

/// One harmless request, to see whether a service can be reached the way a worker would.
enum ServiceProbe {
    static func probe(_ record: ServiceRecord, baseURL: String, vault: Vault) async throws -> AttemptResult {
        let actions = HTTPActions(vault: vault, logger: Logger(label: "probe") { _ in SwiftLogNoOpLogHandler() })
        let call = CallDefinition(
            method: "GET", service: record.name, path: try Template.parse("/"), isRepeatable: true)
        let id = Identifier(high: .random(in: .min ... .max), low: .random(in: .min ... .max))
        let outcome = await actions.perform(
            Action(
                attemptId: id, call: call, service: ServiceDefinition(name: record.name),
                target: ServiceTarget(
                    name: record.name, baseURL: baseURL,
                    allowedAddresses: record.allowedAddresses.compactMap { AddressRule($0) },
                    sendsRequestId: record.sendsRequestId),
                scope: ActionScope(
                    runId: id, organisation: "probe", key: "probe", workflow: "probe", version: 1, stateName: "probe",
                    attemptNumber: 1),
                deadlineMilliseconds: 10_000))
        try await actions.shutdown()
        return outcome.result
    }
}
