/// Where a worker stands when something happens to it.
enum Point: Int, CaseIterable {
    case poll, claim, beforeSending, answer, deadline, commit, outage, release, read, evidence, renewal
}

/// What a person may do.
enum OperatorAction: CaseIterable {
    case cancel, retry, retryAnyway, done, adopt, abandon, reopen, takeOver, release, redo, refused
}

/// What can go wrong; each has its mark for each state with a call.
enum Fault: Hashable {
    case crash(Point)
    case pause(Point)
    case commitLost(Point)
    case commitUnknown(Point)
    case commitLate(Point)
    case refused, requestLost, answerLost, slowAnswer, truncated, errorBefore, errorAfter, tooMany, refusal
    case notYetActive, wrongReplica, conflict, deleteIgnored
    // What a platform does against all sense.
    case lateEffect, frozen, namesake, unfilteredList, fuzzyList, staleList, furtherPage, inUse, inProgress, brokenOff
    case secretMissing, requestChanged, lookUpFailed, leaseTooShort, keyTooOld
    case storeOutage, platformOutage, clockSetBack, claimsLost, failOver, servicePaused, trial
    case behind, fenced, noPermit, cancelled
    case renewed, renewalRefused
    /// What came of a release: its undo is held, it is over, a new run stands in its place or may not start.
    case releaseHeld, released, redone, redoRefused
    case person(OperatorAction)

    static let all: [Fault] =
        Point.allCases.flatMap { [.crash($0), .pause($0), .commitLost($0), .commitUnknown($0), .commitLate($0)] }
        + [
            .refused, .requestLost, .answerLost, .slowAnswer, .truncated, .errorBefore, .errorAfter, .tooMany, .refusal,
            .notYetActive, .wrongReplica, .conflict, .deleteIgnored, .lateEffect, .frozen, .namesake, .unfilteredList,
            .fuzzyList, .staleList, .furtherPage, .inUse, .inProgress, .brokenOff, .secretMissing, .requestChanged,
            .lookUpFailed, .leaseTooShort,
            .keyTooOld,
            .storeOutage, .platformOutage, .clockSetBack, .claimsLost, .failOver, .servicePaused, .trial,
            .behind, .fenced, .noPermit, .cancelled, .renewed, .renewalRefused, .releaseHeld, .released, .redone,
            .redoRefused,
        ] + OperatorAction.allCases.map { .person($0) }

    var index: Int {
        switch self {
        case .crash(let point): point.rawValue * 5
        case .pause(let point): point.rawValue * 5 + 1
        case .commitLost(let point): point.rawValue * 5 + 2
        case .commitUnknown(let point): point.rawValue * 5 + 3
        case .commitLate(let point): point.rawValue * 5 + 4
        default: Self.others[self] ?? 0
        }
    }

    private static let others: [Fault: Int] = Dictionary(
        uniqueKeysWithValues: all.enumerated().dropFirst(Point.allCases.count * 5).map { ($0.element, $0.offset) })
}

/// How often every fault met every state: what was never met was not tested.
final class Marks {
    static let cells: [(fixture: Int, state: String)] = Fixtures.all.enumerated().flatMap { index, fixture in
        fixture.callStates.map { (index, $0) }
    }

    /// One column more, for what is not about a run that stands in such a state.
    private(set) var counts = [Int](repeating: 0, count: Fault.all.count * (Marks.cells.count + 1))

    func cell(fixture: Int, state: String) -> Int? {
        Self.cells.firstIndex { $0.fixture == fixture && $0.state == state }
    }

    func hit(_ fault: Fault, cell: Int? = nil) {
        counts[fault.index * (Self.cells.count + 1) + (cell ?? Self.cells.count)] += 1
    }

    func count(_ fault: Fault, cell: Int?) -> Int {
        counts[fault.index * (Self.cells.count + 1) + (cell ?? Self.cells.count)]
    }

    func add(_ other: [Int]) {
        for (index, count) in other.enumerated() { counts[index] += count }
    }
}
