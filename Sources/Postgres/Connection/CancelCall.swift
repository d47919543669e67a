import CLibpq
import Glibc
import Synchronization

/// One `PQcancel`, which blocks and therefore runs on a helper thread; the thread frees everything when it returns.
final class CancelCall: @unchecked Sendable {  // the request is used by the helper thread alone once it has started
    private let request: OpaquePointer
    private let waker: Waker
    private let returned = Atomic<Bool>(false)

    private init(request: OpaquePointer, waker: Waker) {
        self.request = request
        self.waker = waker
    }

    deinit { PQfreeCancel(request) }

    /// Only after the call returned is it certain that no later statement is hit.
    var hasReturned: Bool { returned.load(ordering: .acquiring) }

    /// Asks the server to stop what the connection is doing; nil when not even a thread can be had.
    static func start(connection: OpaquePointer?, waker: Waker) -> CancelCall? {
        guard let request = PQgetCancel(connection) else { return nil }
        let call = CancelCall(request: request, waker: waker)
        let retained = Unmanaged.passRetained(call)
        var thread = pthread_t()
        let code = pthread_create(
            &thread, nil,
            { context in
                guard let context else { return nil }
                Unmanaged<CancelCall>.fromOpaque(context).takeRetainedValue().run()
                return nil
            }, retained.toOpaque())
        guard code == 0 else {
            retained.release()
            return nil
        }
        pthread_detach(thread)
        return call
    }

    private func run() {
        var message = [CChar](repeating: 0, count: 256)
        // A refused cancel is no error of its own: the statement then ends by itself or by the grace period.
        _ = PQcancel(request, &message, Int32(message.count))
        returned.store(true, ordering: .releasing)
        waker.wake()
    }
}
