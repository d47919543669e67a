import Synchronization

/// Set once: that the worker shall stop taking work, or stop waiting for the database.
final class DrainFlag: Sendable {
    private let flag = Atomic<Bool>(false)

    var isSet: Bool { flag.load(ordering: .acquiring) }

    func set() { flag.store(true, ordering: .releasing) }
}
