import Synchronization

// What people and tests read and change from outside, each under the lock and without waiting.
extension SimulatorCore {
    var behaviour: Behaviour { contents.withLock { $0.state.behaviour } }
    var clients: [ClientRecord] { contents.withLock { $0.state.clients } }
    var liesTold: [String: Int] { contents.withLock { $0.state.liesTold } }
    var faults: [ArmedFault] { contents.withLock { $0.faults } }
    var requestCount: Int { contents.withLock { $0.entries.count } }
    var heldCount: Int { contents.withLock { $0.holders.count } }

    func ledger(after ordinal: Int) -> [LedgerEntry] {
        contents.withLock { Array($0.entries.dropFirst(max(0, ordinal))) }
    }

    func update(_ change: (inout Behaviour) throws -> Void) rethrows -> Behaviour {
        try contents.withLock { contents in
            var behaviour = contents.state.behaviour
            try change(&behaviour)
            contents.state.behaviour = behaviour
            return behaviour
        }
    }

    func add(_ rules: [FaultRule]) -> [Int] {
        contents.withLock { contents in rules.map { contents.arm($0) } }
    }

    func removeFaults() {
        contents.withLock { $0.faults = [] }
    }

    func addClient(externalId: String, organisation: String) -> ClientRecord {
        let now = clock.nowMilliseconds
        return contents.withLock { contents in
            let index = contents.state.insert(into: organisation, externalId: externalId, isDead: false, at: now)
            return contents.state.clients[index]
        }
    }

    /// The longer standstill counts.
    func freeze(milliseconds: Int) {
        let end = clock.nowMilliseconds + milliseconds
        contents.withLock { $0.frozenUntil = max($0.frozenUntil, end) }
    }

    var isFrozen: Bool {
        let now = clock.nowMilliseconds
        return contents.withLock { $0.state.behaviour.frozen || now < $0.frozenUntil }
    }

    func scan(_ account: String) -> Bool {
        contents.withLock { $0.state.scan(account) }
    }
}
