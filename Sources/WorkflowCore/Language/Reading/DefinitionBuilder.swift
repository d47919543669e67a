/// Makes a definition of a draft that has no errors.
struct DefinitionBuilder {
    let draft: Draft

    /// nil when something that a definition needs is missing, which a problem has told already.
    func build() -> Definition? {
        guard let workflow = draft.workflow, let version = draft.version, let key = draft.key, let start = draft.start
        else {
            return nil
        }
        var states: [StateDefinition] = []
        for state in draft.states {
            guard let built = build(state) else { return nil }
            states.append(built)
        }
        return Definition(
            workflow: workflow.value, version: version, title: draft.title, key: key, start: start.value,
            input: draft.input.compactMap(\.field), data: draft.data.compactMap(\.field),
            output: build(draft.output), secrets: draft.secrets.map(\.value),
            services: draft.services.map { build($0) },
            errors: draft.errors.map {
                ErrorRule(
                    name: $0.name, statuses: $0.statuses, condition: $0.condition, outcome: $0.outcome,
                    namesLostConnection: $0.namesLostConnection)
            },
            states: states,
            deadlineMilliseconds: draft.deadlineMilliseconds ?? Definition.standardDeadlineMilliseconds,
            limits: draft.limits, probes: draft.probes.compactMap { build($0) })
    }

    private func build(_ templates: [DraftTemplate]) -> [NamedTemplate] {
        templates.compactMap { entry in entry.template.map { NamedTemplate(name: entry.name, template: $0) } }
    }

    func build(_ service: DraftService) -> ServiceDefinition {
        let headers = build(service.headers)
        guard let timeout = service.timeoutMilliseconds else {
            return ServiceDefinition(
                name: service.name, baseURL: service.baseURL, auth: service.auth, headers: headers,
                limits: service.limits, cooldownMilliseconds: service.cooldownMilliseconds)
        }
        return ServiceDefinition(
            name: service.name, baseURL: service.baseURL, auth: service.auth, headers: headers,
            timeoutMilliseconds: timeout, limits: service.limits, cooldownMilliseconds: service.cooldownMilliseconds)
    }

    func build(_ call: DraftCall) -> CallDefinition? {
        guard let service = call.service, let path = call.urlPath else { return nil }
        return CallDefinition(
            name: call.name, method: call.method, service: service.value, path: path,
            query: call.query.compactMap { field in field.value.map { NamedJSONTemplate(name: field.name, value: $0) }
            },
            headers: build(call.headers), auth: call.auth, body: call.body, ok: call.ok ?? [.family(2)],
            save: build(call.save), timeoutMilliseconds: call.timeoutMilliseconds, isRepeatable: call.isRepeatable,
            made: call.made, idempotency: call.idempotency)
    }

    func build(_ state: DraftState) -> StateDefinition? {
        var action: StateDefinition.Action?
        if state.call != nil {
            guard let call = draft.call(of: state), let built = build(call) else { return nil }
            action = .call(built)
        } else if let set = state.set {
            action = .set(build(set))
        } else if let milliseconds = state.pauseMilliseconds {
            action = .pause(milliseconds: milliseconds)
        }
        guard let exit = exit(of: state) else { return nil }
        return StateDefinition(
            name: state.name, title: state.title, action: action, retry: state.retry.compactMap { build($0) },
            retriesNothing: state.retriesNothing, catches: state.catches.compactMap { build($0) }, exit: exit,
            reconcile: state.reconcile.flatMap { build($0) }, identity: state.identity,
            undo: state.undo.flatMap { build($0) }, undoesAtEnd: state.undoesAtEnd,
            inspect: state.inspect.flatMap { build($0) }, stable: state.stable,
            deadlineMilliseconds: state.deadlineMilliseconds)
    }

    private func build(_ probe: DraftProbe) -> ProbeDefinition? {
        guard let credential = probe.credential, let call = draft.call(of: probe).flatMap({ build($0) }) else {
            return nil
        }
        return ProbeDefinition(
            name: probe.name, call: call, credential: credential,
            key: credential.needsVouching ? draft.keys(sentBy: call).first : nil)
    }

    private func build(_ undo: DraftUndo) -> UndoDefinition? {
        guard let call = draft.call(undo.call).flatMap({ build($0) }) else { return nil }
        let gone: UndoDefinition.Gone
        if let lookUp = undo.gone {
            guard let built = build(lookUp) else { return nil }
            gone = .lookUp(built)
        } else {
            gone = .notCheckable
        }
        return UndoDefinition(
            call: call, gone: gone, before: undo.before.compactMap { draft.call($0).flatMap { build($0) } },
            retry: undo.retry.compactMap { build($0) }, retriesNothing: undo.retriesNothing,
            takesBackAdopted: undo.takesBackAdopted)
    }

    private func build(_ inspect: DraftInspect) -> InspectDefinition? {
        let look: InspectDefinition.Look
        if let lookUp = inspect.lookUp {
            guard let built = build(lookUp) else { return nil }
            look = .lookUp(built)
        } else {
            guard let call = draft.call(inspect.call).flatMap({ build($0) }) else { return nil }
            look = .call(call)
        }
        return InspectDefinition(
            look, before: inspect.before.compactMap { draft.call($0).flatMap { build($0) } },
            drifted: inspect.drifted.map(\.value), everyMilliseconds: inspect.everyMilliseconds,
            retry: inspect.retry.compactMap { build($0) }, retriesNothing: inspect.retriesNothing)
    }

    func build(_ reconcile: DraftReconcile) -> ReconcileDefinition? {
        guard let call = draft.call(reconcile.call).flatMap({ build($0) }), let items = reconcile.items,
            let condition = reconcile.condition
        else { return nil }
        return ReconcileDefinition(
            call: call, items: items, condition: condition, save: build(reconcile.save),
            afterMilliseconds: reconcile.afterMilliseconds,
            effectWithinMilliseconds: reconcile.effectWithinMilliseconds, looks: reconcile.looks,
            filter: reconcile.filter, pages: reconcile.pages, withinMilliseconds: reconcile.withinMilliseconds,
            one: reconcile.one, none: reconcile.none)
    }

    private func exit(of state: DraftState) -> StateDefinition.Exit? {
        if let end = state.end { return .end(end) }
        if let next = state.next { return .next(next.value) }
        guard let branches = state.branches else { return nil }
        return .choose(
            branches.compactMap { branch in
                branch.next.map { StateDefinition.Branch(condition: branch.condition, next: $0.value) }
            })
    }

    private func build(_ entry: DraftRetry) -> RetryEntry? {
        guard let name = entry.policy?.value, let policy = draft.policies.first(where: { $0.name == name })?.policy
        else {
            return nil
        }
        return RetryEntry(errors: entry.errors.map(\.value), policy: policy)
    }

    private func build(_ entry: DraftCatch) -> CatchEntry? {
        let target: CatchEntry.Target
        if let next = entry.next {
            target = .next(next.value)
        } else if let hold = entry.hold {
            target = .hold(hold)
        } else {
            return nil
        }
        return CatchEntry(errors: entry.errors.map(\.value), target: target, set: build(entry.set))
    }
}
