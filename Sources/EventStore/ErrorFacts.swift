import WorkflowCore

/// The facts, as JSON, that an SQL function adds to an error of its own. This type makes the sentences for people of
/// them.
///
/// Callers from SQL read the facts themselves; `docs/guide/enqueue-from-sql.md` lists them.
struct ErrorFacts {
    private let facts: JSONValue?

    init(_ detail: String?) { facts = detail.flatMap { try? JSONValue.parse($0) } }

    /// The run that it is about.
    var run: String? { facts?["run"]?.stringValue }

    /// Why, as SQL says it in `why`; a test compares the words with those in `sql/`.
    enum Why: String, CaseIterable {
        case idUsed = "id_used"
        case mayBeLeft = "may_be_left"
        case keyTaken = "key_taken"
        case thingTaken = "thing_taken"
        case sameInput = "same_input"
        case otherInput = "other_input"
        case takenOver = "taken_over"
        case secretInput = "secret_input"
        /// The status of the run that was to be taken over.
        case live, succeeded
    }

    /// What to do, in the words of the command line; nil: the message says all.
    var hint: String? {
        guard let why = facts?["why"]?.stringValue.flatMap(Why.init) else { return nil }
        let show = run.map { "See \"turnup show \($0)\"." } ?? ""
        switch why {
        case .idUsed: return "Leave the id out, or use a new one for each run."
        case .mayBeLeft:
            return "Something may exist over there, so the run keeps its key until a person decides. " + show
        case .keyTaken:
            guard let left = facts?["instead_of"]?.stringValue else { return show }
            return "So run \(left) was left as it is. " + show
        case .thingTaken: return "Two runs never take one thing for theirs. " + show
        case .sameInput: return "It was enqueued with the same input, and on_conflict is \"error\". " + show
        case .otherInput: return "It was enqueued with other input. " + show
        case .takenOver: return run.map { "See \"turnup history \($0)\"." }
        case .live: return run.map { "Cancel it first: turnup cancel \($0) --reason …" }
        case .succeeded: return "It has succeeded, and its key stays with it."
        case .secretInput: return "Enqueue with the turnup command, which seals it first."
        }
    }
}
