import EventStore
import Vault
import WorkflowCore

/// A run waits for what is missing, so the command says what is missing when the run is made.
enum MissingPrerequisites {
    /// The run is there already, so that trouble in here is no error of the command.
    static func warn(_ definition: Definition, organisation: String?, _ session: Session) async {
        do { try await look(definition, organisation: organisation, session) } catch {
            let reason = CommandFailure(error)?.message ?? "\(error)"
            Console.note(EnqueueTexts.notLookedUp(reason))
        }
    }

    private static func look(_ definition: Definition, organisation: String?, _ session: Session) async throws {
        for service in definition.services where service.baseURL == nil {
            if try await session.store.service(service.name)?.baseURL == nil {
                Console.note(EnqueueTexts.waitsForBaseURL(service.name))
            }
        }
        for name in definition.secrets {
            var own: SealedSecret?
            if let organisation {
                own = try await session.store.secret(scope: .organisation, scopeId: organisation, name: name)
            }
            let general = try await session.store.secret(scope: .installation, scopeId: "installation", name: name)
            if own == nil, general == nil { Console.note(EnqueueTexts.waitsForCredential(name)) }
        }
    }
}
