/// Which of the faults never met a state that they can meet.
struct MarkReport {
    private let marks: Marks

    init(_ marks: Marks) { self.marks = marks }

    var missing: [String] {
        var found: [String] = []
        for fault in Fault.all {
            for (index, cell) in Marks.cells.enumerated() where Self.applies(fault, cell.state) {
                guard marks.count(fault, cell: index) == 0 else { continue }
                found.append("\(fault) in \(Fixtures.all[cell.fixture].name)/\(cell.state)")
            }
        }
        for fault in [Fault.storeOutage, .platformOutage] where marks.count(fault, cell: nil) == 0 {
            found.append("\(fault)")
        }
        return found
    }

    private static func applies(_ fault: Fault, _ state: String) -> Bool {
        switch fault {
        case .storeOutage, .platformOutage, .wrongReplica: false
        case .notYetActive: state == "token-pending"
        case .crash(let point), .pause(let point), .commitLost(let point), .commitUnknown(let point),
            .commitLate(let point):
            switch point {
            case .poll, .claim, .gate: false
            case .beforeSending, .answer, .deadline, .outage: fault == .crash(point) || fault == .pause(point)
            case .commit, .release, .read, .evidence: true
            }
        default: true
        }
    }
}
