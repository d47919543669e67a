import Vault
import WorkflowCore

extension HTTPActions {
    /// What a request that may have left came to.
    func outcome(
        of exchange: Exchange, dialled: ContinuousClock.Instant, _ request: RenderedRequest, _ action: Action,
        _ scope: ExpressionScope, _ before: Evidence
    ) -> ActionOutcome {
        var evidence = before
        switch exchange.ending {
        case .complete(let answer):
            let classification = ResponseClassification.judge(answer, of: action, url: request.shownURL, scope: scope)
            evidence = evidence.knowing(classification.secrets.map(\.secret))
            evidence.add(exchange, dialled: dialled, isFreshConnection: !request.isRepeatable)
            return closed(classification, answer, exchange, action, &evidence)
        case .broken(let error, let detail):
            evidence.add(exchange, dialled: dialled, isFreshConnection: !request.isRepeatable)
            if error == ErrorName.lostConnection, let rule = action.errors.first(where: \.namesLostConnection) {
                // The definition says whose trouble it is. A head alone is no answer, so there is no status to go by.
                return unfinished(rule.name, "\(error): \(detail)", .unknown, status: nil, &evidence)
            }
            return unfinished(error, detail, .unknown, status: exchange.record.status, &evidence)
        case .cancelled:
            evidence.add(exchange, dialled: dialled, isFreshConnection: !request.isRepeatable)
            let outcome: Outcome = exchange.isSent ? .unknown : .notDone
            return unfinished(
                "cancelled", "cancelled while the request was under way", outcome, status: exchange.record.status,
                &evidence)
        case .notSent(let detail):
            return unfinished("unreachable", detail, .notDone, status: exchange.record.status, &evidence)
        }
    }

    private func unfinished(
        _ error: String, _ detail: String, _ outcome: Outcome, status: Int?, _ evidence: inout Evidence
    ) -> ActionOutcome {
        evidence.set("error", .string(error))
        evidence.setText("detail", detail)
        return ActionOutcome(
            result: AttemptResult(
                outcome: outcome, error: error, status: status, isCounted: outcome != .notDone,
                evidence: evidence.finished()))
    }

    private func closed(
        _ judged: ResponseClassification, _ answer: Answer, _ exchange: Exchange, _ action: Action,
        _ evidence: inout Evidence
    ) -> ActionOutcome {
        var classification = judged
        var sealed: [SealedSecret] = []
        for (name, secret) in judged.secrets {
            let place = SecretPlace(
                scope: .run, scopeId: action.scope.runId.description, name: name,
                version: action.scope.nextSecretVersion(name))
            do throws(VaultError) {
                sealed.append(try vault.seal(secret, at: place))
            } catch {
                classification = ResponseClassification(
                    outcome: .unknown, error: "bad_answer", detail: "\(name) was not sealed: \(error)")
            }
        }
        evidence.set("error", classification.error.map(JSONValue.string))
        evidence.setText("detail", classification.detail)
        evidence.add(credentialsReturned: judged.secrets)
        addBody(of: answer, classification, &evidence)
        let retryAfter = answer.header("retry-after").flatMap {
            RetryAfter.milliseconds(
                $0, answerDate: answer.header("date"), now: exchange.record.headReceivedTime ?? HTTPDate.now())
        }
        evidence.set("retry_after_milliseconds", retryAfter.map { .integer($0) })
        return ActionOutcome(
            result: AttemptResult(
                outcome: classification.outcome, error: classification.error, status: answer.status,
                isCounted: classification.isCounted, retryAfterMilliseconds: retryAfter, saved: classification.saved,
                sealed: sealed.map(\.reference), evidence: evidence.finished(), found: classification.found,
                listed: classification.listed, inconclusive: classification.inconclusive,
                nextPage: classification.nextPage, isMade: classification.isMade,
                candidates: classification.candidates),
            sealed: sealed)
    }

    private func addBody(
        of answer: Answer, _ classification: ResponseClassification, _ evidence: inout Evidence
    ) {
        guard !answer.bytes.isEmpty else { return }
        guard
            let (body, isCut) = BodyEvidence(vault: vault, text: evidence.text)
                .shown(answer, saved: classification.saved)
        else { return }
        evidence.set("body", body)
        if isCut { evidence.set("body_is_cut", true) }
    }
}
