import Glibc
import Synchronization

/// A pipe that any thread can make readable, to end the `poll` of a connection's thread.
final class Waker: Sendable {
    let descriptor: Int32
    private let writeEnd: Int32

    /// Nil when the process has no descriptor left.
    init?() {
        var ends: [Int32] = [-1, -1]
        let code = pipe(&ends)
        descriptor = ends[0]
        writeEnd = ends[1]
        guard code == 0 else { return nil }
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
    }

    deinit {
        guard descriptor >= 0 else { return }
        close(descriptor)
        close(writeEnd)
    }

    func wake() {
        // A full pipe wakes as well as one byte more would.
        _ = write(writeEnd, "w", 1)
    }

    func clear() {
        withUnsafeTemporaryAllocation(byteCount: 64, alignment: 1) { buffer in
            while read(descriptor, buffer.baseAddress, buffer.count) == buffer.count {}
        }
    }
}

/// The wish of one operation's task to stop; raised by task cancellation from any thread.
final class Interrupt: Sendable {
    private let raised = Atomic<Bool>(false)
    private let waker: Waker

    init(waker: Waker) {
        self.waker = waker
    }

    var isRaised: Bool { raised.load(ordering: .acquiring) }

    func raise() {
        raised.store(true, ordering: .releasing)
        waker.wake()
    }
}

/// What ended a wait for a socket.
enum SocketReadiness {
    case ready(readable: Bool)
    case woken
    case expired
    case failed(errno: Int32)

    /// Waits until the socket is ready, the waker is used or the deadline has passed; a negative socket is not watched.
    static func wait(
        socket: Int32, reading: Bool = true, writing: Bool, waker: Waker, deadline: MonotonicTime?
    ) -> SocketReadiness {
        let interest = (reading ? POLLIN : 0) | (writing ? POLLOUT : 0)
        var descriptors = [
            pollfd(fd: socket, events: Int16(interest), revents: 0),
            pollfd(fd: waker.descriptor, events: Int16(POLLIN), revents: 0),
        ]
        while true {
            let count = poll(&descriptors, 2, milliseconds(until: deadline))
            if count < 0 {
                if errno == EINTR { continue }
                return .failed(errno: errno)
            }
            if count == 0 {
                guard let deadline, deadline <= .now else { continue }
                return .expired
            }
            if descriptors[1].revents != 0 {
                waker.clear()
                if descriptors[0].revents == 0 { return .woken }
            }
            return .ready(readable: descriptors[0].revents & ~Int16(POLLOUT) != 0)
        }
    }

    private static func milliseconds(until deadline: MonotonicTime?) -> Int32 {
        guard let deadline else { return -1 }
        let left = deadline.since(.now).wholeMilliseconds
        return Int32(min(left, 3_600_000))
    }
}
