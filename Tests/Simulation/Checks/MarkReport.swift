/// Which of the faults never met a state that they can meet.
struct MarkReport {
    private let marks: Marks

    init(_ marks: Marks) { self.marks = marks }

    var missing: [String] {
        var found: [String] = []
        for fault in Fault.all {
            switch Self.demand(fault) {
            case .everyState(let applies):
                for (index, cell) in Marks.cells.enumerated() where applies(cell.state) {
                    guard marks.count(fault, cell: index) == 0 else { continue }
                    found.append("\(fault) in \(Fixtures.all[cell.fixture].name)/\(cell.state)")
                }
            case .once:
                let total =
                    marks.count(fault, cell: nil) + Marks.cells.indices.reduce(0) { $0 + marks.count(fault, cell: $1) }
                if total == 0 { found.append("\(fault)") }
            case .never: break
            }
        }
        return found
    }

    private enum Demand {
        case everyState((String) -> Bool)
        /// Anywhere: it is about no run, or too rare to meet every state in a minute.
        case once
        case never
    }

    private static func demand(_ fault: Fault) -> Demand {
        switch fault {
        case .storeOutage, .platformOutage, .clockSetBack, .claimsLost, .failOver, .servicePaused, .trial: .once
        case .notYetActive: .everyState { $0 == "token-pending" }
        case .truncated: .everyState { $0 != "checking" && $0 != "attaching" }
        case .wrongReplica, .conflict, .deleteIgnored, .keyTooOld, .requestChanged, .person, .renewed, .renewalRefused,
            .releaseHeld, .released, .redone, .redoRefused:
            .once
        case .lateEffect, .frozen, .namesake, .unfilteredList, .fuzzyList, .staleList, .furtherPage, .inUse,
            .inProgress,
            .brokenOff:
            .once
        case .crash(let point), .pause(let point): demand(point)
        case .commitLost(let point), .commitUnknown(let point), .commitLate(let point):
            switch point {
            // Nothing is asked of the store there.
            case .poll, .beforeSending, .answer, .deadline, .outage: .never
            default: demand(point)
            }
        default: .everyState { _ in true }
        }
    }

    private static func demand(_ point: Point) -> Demand {
        switch point {
        case .beforeSending, .answer, .commit: .everyState { _ in true }
        case .poll, .claim, .deadline, .outage, .release, .read, .evidence, .renewal: .once
        }
    }
}
