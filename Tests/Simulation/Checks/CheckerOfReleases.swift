import WorkflowCore

/// After success: what was made is taken back first, then the key is let go, and then a new run may start.
extension Checker {
    func release(_ run: Int, _ event: RecordedEvent, _ shadow: inout Shadow) {
        if shadow.status != .succeeded { fail("S2", run: run, "released while \(shadow.status.rawValue)") }
        if event.body["reason"]?.stringValue?.isEmpty ?? true { fail("A2", run: run, "a release without a reason") }
        shadow.status = .live
        shadow.endedAt = nil
        shadow.isReleasing = true
        shadow.isUndoing = true
        shadow.asksRedo = event.body["redo"] == true
        shadow.charged = []
        shadow.notBefore = nil
        if event.body["leave_behind"] == true { shadow.isLeftBehind = true }
    }

    /// In the transaction that ends the release, once, and only when it was asked for.
    func redo(_ run: Int, _ event: RecordedEvent, _ type: EventType, _ shadow: inout Shadow) {
        if shadow.status != .released { fail("R2", run: run, "\(type.rawValue) while \(shadow.status.rawValue)") }
        if !shadow.asksRedo || shadow.isRedoAnswered {
            fail("R2", run: run, "\(type.rawValue), \(shadow.asksRedo ? "a second time" : "which nobody asked for")")
        }
        shadow.isRedoAnswered = true
        let name = StoreModel.identifier(of: run).description
        let successors = shadows.indices.filter { shadows[$0].redoOf == name }
        guard type == .redoStarted else {
            if !successors.isEmpty {
                fail("R2", run: run, "redo.refused, and run \(successors[0]) stands in its place")
            }
            if event.body["reason"]?.stringValue?.isEmpty ?? true { fail("A2", run: run, "redo.refused without why") }
            return
        }
        guard successors.count == 1, let new = successors.first, shadows[new].key == shadow.key,
            shadows[new].fixture == shadow.fixture,
            event.body["run"] == .string(StoreModel.identifier(of: new).description)
        else { return fail("R2", run: run, "redo.started names another run than the one in its place") }
    }

    /// Whoever stands in the place of another run is known to it.
    func comparePlaces() {
        for (run, shadow) in shadows.enumerated() {
            guard let name = shadow.redoOf else { continue }
            let old = shadows.indices.first { StoreModel.identifier(of: $0).description == name }
            guard let old, shadows[old].isPutBack || shadows[old].isRedoAnswered else {
                fail("R2", run: run, "it stands in the place of \(name), which knows nothing of it")
                continue
            }
        }
    }
}
