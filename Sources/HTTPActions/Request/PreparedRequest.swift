import Vault
public import WorkflowCore

/// A request that was put together before its intent is committed, so that the intent can say what is sent. It holds
/// secrets in plain, so it has no description and no mirror.
public struct PreparedRequest: Sendable, CustomStringConvertible, CustomReflectable {
    enum Outcome: Sendable {
        /// With what the judgement of the answer reads.
        case ready(RenderedRequest, ExpressionScope)
        case noTarget(TargetError)
        case notRendered(RenderingError)
    }

    let outcome: Outcome
    /// What the idempotency key holds fast; nil of a call without one, and of what could not be put together. Performing
    /// the action says then why.
    public let frozen: FrozenRequest?

    public var description: String { "<request>" }
    public var customMirror: Mirror { Mirror(self, children: []) }
}

extension HTTPActions {
    /// Puts the request together, and says of a call with an idempotency key what a resend must not change. Nothing is
    /// sent.
    public func prepare(_ action: Action) -> PreparedRequest {
        let scope = ScopeBuilder.scope(for: action)
        let request: RenderedRequest
        do throws(TargetError) {
            let target = try TargetURL.parse(action.target.baseURL)
            let renderer = Renderer(
                action: action, scope: scope,
                frozenScope: action.scope.frozen.isEmpty ? scope : ScopeBuilder.scope(for: action, isFrozen: true),
                userAgent: userAgent)
            do throws(RenderingError) {
                request = try renderer.render(to: target)
            } catch {
                return PreparedRequest(outcome: .notRendered(error), frozen: nil)
            }
        } catch {
            return PreparedRequest(outcome: .noTarget(error), frozen: nil)
        }
        guard action.call.idempotency != nil else {
            return PreparedRequest(outcome: .ready(request, scope), frozen: nil)
        }
        var digests = JSONObject()
        for part in request.parts {
            digests[part.name] = .string(vault.requestDigest(of: part.name, part.bytes))
        }
        let versions = ScopeBuilder.frozen(by: action).map {
            FrozenRequest.Version(owner: $0.owner, name: $0.name, version: $0.reference.version)
        }
        return PreparedRequest(
            outcome: .ready(request, scope),
            frozen: FrozenRequest(attemptId: action.attemptId, digests: digests, secrets: versions))
    }
}
