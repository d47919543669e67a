import EventStore
import WorkflowCore

/// Commands that work from the run's present status. They can be pasted as they are.
struct Commands {
    let facts: RunFacts
    let code: VerdictCode

    private var run: RunOverview { facts.run }
    private var reason: String { "--reason 'diagnosis: \(code.rawValue)'" }

    var show: String { "turnup show \(run.id)" }
    var history: String { "turnup history \(run.id)" }

    /// The same call now, where a person may ask for it.
    var tryAgain: [String] {
        switch run.status {
        case .live, .failed: ["turnup retry \(run.id) \(reason)"]
        case .succeeded: ["turnup inspect \(run.id) --wait"]
        case .held, .cancelled, .released: [show]
        }
    }

    /// Ends what cannot come to anything.
    var stop: [String] {
        switch run.status {
        case .live: ["turnup cancel \(run.id) \(reason)"]
        case .held: [show]
        case .failed, .cancelled, .released, .succeeded: []
        }
    }

    /// Adds the number in another way: under an organisation of its own, which needs no key of anybody.
    var anotherWay: [String] {
        guard run.workflow == "whatsapp-number", run.status != .succeeded, run.status != .released else { return stop }
        let input = facts.input.members.map { item in
            ShellWord.quoted("\(item.name)=\(item.value.stringValue ?? item.value.serialized())")
        }
        let takesOver = run.status == .live || run.status == .held || run.mayBeLeft
        let words =
            ["turnup enqueue whatsapp-number-sub-organisation"] + input
            + ["--organisation \(ShellWord.quoted(run.organisation))"]
            + (takesOver ? ["--instead-of \(run.id) \(reason)"] : [])
        let cancel = run.status == .live ? stop : []
        return cancel + ["turnup workflow publish whatsapp-number-sub-organisation", words.joined(separator: " ")]
    }

    static let ways =
        "One key with several sessions (whatsapp-number-shared-key), or an organisation of its own for each number "
        + "(whatsapp-number-sub-organisation)"
}

extension Evidence {
    func commands(_ code: VerdictCode) -> Commands { Commands(facts: run, code: code) }

    /// `3 times, last at …` needs no clock: the events say when.
    func item(_ text: String, _ attempts: [AttemptFact], of run: RunFacts? = nil) -> Verdict.Item {
        let numbers = attempts.map(\.seq)
        let shown = numbers.count > 4 ? Array(numbers.prefix(2) + numbers.suffix(2)) : numbers
        if let stream = attempts.last?.stream {
            return Verdict.Item(text, run: stream, events: attempts.filter { $0.stream == stream }.map(\.seq))
        }
        return Verdict.Item(text, run: (run ?? self.run).run.id, events: shown)
    }
}

extension RunFacts {
    /// How people name it in a sentence.
    var name: String { "\(run.key) (run \(run.id))" }
}
