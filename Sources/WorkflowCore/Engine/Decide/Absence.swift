// What a look-up proves in which nothing is ours.

/// What an answer without a find says by the rules of a proof, and the facts for its event.
enum Absence {
    /// The list goes on: what is not on this page may be on the next.
    case page(JSONObject)
    /// It proves nothing yet: the next look-up comes after this time.
    case unproven(afterMilliseconds: Int64, why: String, JSONObject)
    /// So many look-ups in a row say so, and the first was begun late enough.
    case proven(looks: Int, JSONObject)
}

extension DecisionBuilder {
    /// `look` is what the look-ups before this answer have shown, and `effect` how long after its deadline a request may
    /// still take effect.
    func absence(
        _ reconcile: ReconcileDefinition, _ look: UnknownOutcome?, _ result: AttemptResult, effect: Int64,
        _ given: JSONObject, _ attempt: OpenAttempt
    ) -> Absence {
        var body = given
        let listed = (look?.page?.listed ?? 0).addingClamped(result.listed)
        body["listed"] = .integer(listed)
        let every = reconcile.looks.everyMilliseconds ?? effect
        var doubt = result.inconclusive
        if let next = result.nextPage {
            let number = (look?.page?.number ?? 1).addingClamped(1)
            let most = reconcile.pages?.most ?? 1
            if look?.page?.isRound(next) == true {
                doubt = "page \(number - 1) of the list leads back to a page that was read already"
            } else if number > most {
                doubt = "the list has more than \(most) pages"
            } else {
                body["page"] = ["number": .integer(number), "next": .string(next)]
                return .page(body)
            }
        }
        if doubt == nil, reconcile.filter == .none, listed == 0 {
            if let other = result.heldBy {
                doubt = "the list is empty, though run \(other) of the same organisation has something there"
            } else {
                body["empty_list_of"] = .string(reconcile.call.service)
            }
        }
        if doubt == nil, reconcile.filter == .exact, listed > 0 {
            doubt =
                "\(listed) items were listed and none is ours, though the request filters by the value that \"where\" "
                + "compares: the platform does not filter, or shows something else"
        }
        if let doubt {
            body["inconclusive"] = .string(doubt)
            return .unproven(afterMilliseconds: every, why: doubt, body)
        }
        if look?.isDisturbed == true {
            body["effect_milliseconds"] = .integer(effect)
            return .unproven(
                afterMilliseconds: effect, why: "an earlier look-up got no complete answer", body)
        }
        if let rest = effectLeft(look, attempt) {
            return .unproven(afterMilliseconds: rest, why: "the request may still take effect", body)
        }
        let empty = (look?.emptyLooks ?? 0).addingClamped(1)
        body["empty_looks"] = .integer(empty)
        guard empty >= reconcile.looks.times else {
            return .unproven(afterMilliseconds: every, why: "one look-up proves nothing", body)
        }
        return .proven(looks: empty, body)
    }

    /// How long the request may still take effect, from now; nil when the look-up was begun after that time.
    func effectLeft(_ look: UnknownOutcome?, _ attempt: OpenAttempt) -> Int64? {
        let begun = look?.page?.firstAt ?? attempt.startedAt
        guard let wait = look?.effect, wait.remainingMilliseconds(now: begun) > 0 else { return nil }
        return max(1, wait.remainingMilliseconds(now: context.now))
    }

    /// What is left of the time for which the definition lets the run look.
    func lookingTimeLeft(_ reconcile: ReconcileDefinition, _ look: UnknownOutcome?) -> Int64 {
        let since = look?.lookedUpSince ?? context.now
        return reconcile.withinMilliseconds.addingClamped(-max(0, context.now.milliseconds(since: since)))
    }
}
