public import WorkflowCore

extension AmazonStates {
    /// Writes a definition as a state machine.
    ///
    /// `tree` is the file as it was read: keywords in it that the engine does not run are losses too.
    public static func export(_ definition: Definition, tree: JSONValue) -> Export {
        var exporter = StatesExporter(definition)
        let machine = exporter.machine()
        return Export(json: machine, losses: StatesExporter.keywordsNotRun(tree) + exporter.losses)
    }
}

/// Puts one state machine together.
struct StatesExporter {
    let definition: Definition
    private(set) var losses: [String] = []
    private var states = JSONObject()

    init(_ definition: Definition) { self.definition = definition }

    mutating func lose(_ text: String) {
        if !losses.contains(text) { losses.append(text) }
    }

    /// A name for a state of the export's own, beside the definition's.
    func freeName(_ wanted: String) -> String {
        var name = wanted
        while definition.state(name) != nil { name += "-" }
        return name
    }

    mutating func add(_ name: String, _ state: JSONObject) { states[name] = .object(state) }

    mutating func machine() -> JSONValue {
        loseGenerally()
        // The first state first, for people.
        let first = definition.states.filter { $0.name == definition.start }
        for state in first + definition.states.filter({ $0.name != definition.start }) { export(state) }
        var machine: JSONObject = [
            "Comment": .string(definition.title ?? "\(definition.workflow) version \(definition.version)"),
            "QueryLanguage": "JSONPath", "StartAt": .string(definition.start),
        ]
        machine["States"] = .object(states)
        return .object(machine)
    }

    private mutating func export(_ state: StateDefinition) {
        switch state.action {
        case .call(let call): task(state, call)
        case .pause(let milliseconds):
            let seconds = Int(max(1, (milliseconds + 999) / 1000))
            if Int64(seconds) * 1000 != milliseconds {
                lose(
                    "state \(state.name): the pause of \(milliseconds) ms becomes \(seconds) s, for waits are whole seconds"
                )
            }
            move(state, ["Type": "Wait", "Seconds": .integer(seconds)])
        case .set(let values):
            let assigned = assignments(values, in: "state \(state.name): set")
            move(state, ["Type": "Pass", "Assign": .object(assigned)])
        case nil:
            switch state.exit {
            case .end(let status): end(state, status)
            case .next: move(state, ["Type": "Pass"])
            case .choose(let branches): add(state.name, comment(state, choice(state, branches)))
            }
        }
        loseWaits(state)
        if state.call == nil, !state.catches.isEmpty {
            lose("state \(state.name): catch, for only tasks have it")
        }
    }

    private mutating func loseWaits(_ state: StateDefinition) {
        let place = "state \(state.name)"
        if state.reconcile != nil { lose("\(place): reconcile; there a lost answer is an error like any other") }
        if state.undo != nil { lose("\(place): undo; there nothing is taken back") }
        if state.stable != nil { lose("\(place): stable; there the first success counts") }
        if state.deadlineMilliseconds != nil { lose("\(place): deadline; there only a single task has a time limit") }
        if state.call?.idempotency != nil { lose("\(place): idempotency; there each attempt is a request of its own") }
    }

    private func comment(_ state: StateDefinition, _ body: JSONObject) -> JSONObject {
        var body = body
        if let title = state.title { body["Comment"] = .string(title) }
        return body
    }

    /// Adds the state with its exit. If the exit chooses, a state of its own does the choosing.
    private mutating func move(_ state: StateDefinition, _ body: JSONObject) {
        var body = comment(state, body)
        switch state.exit {
        case .next(let name): body["Next"] = .string(name)
        case .choose(let branches):
            let name = freeName("\(state.name)-choose")
            body["Next"] = .string(name)
            add(state.name, body)
            add(name, choice(state, branches))
            return
        case .end: body["End"] = true
        }
        add(state.name, body)
    }

    private mutating func choice(_ state: StateDefinition, _ branches: [StateDefinition.Branch]) -> JSONObject {
        var choices: [JSONValue] = []
        var body: JSONObject = ["Type": "Choice"]
        for branch in branches {
            guard let condition = branch.condition else {
                body["Default"] = .string(branch.next)
                continue
            }
            guard var rule = ChoiceRules(definition).rule(condition.shape) else {
                lose(
                    "state \(state.name): the branch to \(branch.next), for its condition cannot be said: \(condition.source)"
                )
                continue
            }
            rule["Next"] = .string(branch.next)
            choices.append(.object(rule))
        }
        if choices.isEmpty, case .string(let next)? = body["Default"] {
            return ["Type": "Pass", "Next": .string(next)]
        }
        body["Choices"] = .array(choices)
        return body
    }

    private mutating func end(_ state: StateDefinition, _ status: StateDefinition.EndStatus) {
        guard status == .succeeded else {
            add(state.name, comment(state, ["Type": "Fail", "Error": .string(status.rawValue)]))
            return
        }
        let output = assignments(definition.output, in: "output")
        guard !output.isEmpty else { return add(state.name, comment(state, ["Type": "Succeed"])) }
        let name = freeName("\(state.name)-output")
        add(
            state.name,
            comment(state, ["Type": "Pass", "Parameters": .object(output), "Next": .string(name)]))
        add(name, ["Type": "Succeed"])
    }

    private mutating func task(_ state: StateDefinition, _ call: CallDefinition) {
        var body: JSONObject = ["Type": "Task", "Resource": "arn:aws:states:::http:invoke"]
        body["Parameters"] = .object(request(of: call))
        let milliseconds = call.timeoutMilliseconds ?? definition.service(call.service)?.timeoutMilliseconds ?? 30_000
        body["TimeoutSeconds"] = .integer(max(1, (milliseconds + 999) / 1000))
        let saved = assignments(call.save, in: "state \(state.name): save")
        if !saved.isEmpty { body["Assign"] = .object(saved) }
        body["ResultPath"] = .null
        if call.ok != [.family(2)] {
            lose("state \(state.name): ok (\(call.ok.map(\.description).joined(separator: ", "))), for success is 2xx")
        }
        let retries = retriers(state, call)
        if !retries.isEmpty { body["Retry"] = .array(retries) }
        let catches = catchers(state, call)
        if !catches.isEmpty { body["Catch"] = .array(catches) }
        move(state, body)
    }

    private mutating func loseGenerally() {
        lose(
            "deadline: \(RetryArithmetic.spanText(definition.deadlineMilliseconds)) without the time in holds; "
                + "there the whole execution is cut off, and nothing is taken back")
        if !definition.input.isEmpty { lose("input: its checks (types, patterns, defaults)") }
        lose("key \(definition.key.source): nothing keeps two executions of one key apart")
        if let limits = definition.limits {
            lose("limits: live_runs \(limits.liveRuns) per \(limits.per.rawValue); there each execution starts at once")
        }
        for service in definition.services where service.limits != nil {
            lose("service \(service.name): limits; there nothing keeps requests apart, and a 429 uses up the retries")
        }
        for rule in definition.errors {
            if rule.namesLostConnection {
                lose("error \(rule.name): a name for a lost connection, there \(AmazonErrorName.socket) like any other")
                continue
            }
            lose(
                "error \(rule.name): a custom name that http:invoke never reports; it reports "
                    + "\(AmazonErrorName.statusPrefix)… and cannot look into the body")
        }
        for field in definition.data where field.isSecret {
            lose("data.\(field.name): secret; there it is a plain variable, readable in the execution's history")
        }
        let calls = definition.states.compactMap(\.call)
        guard !calls.isEmpty else { return }
        lose(
            "waiting for a platform that is down or says 429, which costs no attempt here; there it uses up the retries"
        )
        lose("a refused connection, where nothing was sent, and a lost one have one name: \(AmazonErrorName.socket)")
        lose("a 2xx answer without a saved value: here bad_answer, there States.QueryEvaluationError")
    }

    /// Keywords in the file that this engine does not run yet, by their places.
    static func keywordsNotRun(_ tree: JSONValue) -> [String] {
        Definition.check(tree, mode: .check).problems.filter { $0.code == .notRunYetWarning }
            .map { "\($0.path): this engine does not run it yet" }
    }
}

extension StateDefinition {
    var call: CallDefinition? {
        if case .call(let call) = action { call } else { nil }
    }
}
