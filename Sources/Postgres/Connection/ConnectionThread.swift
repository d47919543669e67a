import Glibc
import Synchronization

/// Runs one actor's jobs on one thread of its own, so that libpq may block in `poll` without holding up anyone else.
///
/// The thread keeps the executor alive; `stop()` lets it run what is queued and end. It is never joined, because the
/// last reference may go away on the thread itself.
final class ConnectionThread: SerialExecutor, @unchecked Sendable {  // `jobs` and `stopping` are guarded by `mutex`
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var jobs: [UnownedJob] = []
    private var stopping = false
    private let thread = Atomic<UInt>(0)

    init() {
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(condition, nil)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    /// Starts the thread; false when the system has none to give.
    func start() -> Bool {
        var started = pthread_t()
        let retained = Unmanaged.passRetained(self)
        let code = pthread_create(
            &started, nil,
            { context in
                guard let context else { return nil }
                Unmanaged<ConnectionThread>.fromOpaque(context).takeRetainedValue().run()
                return nil
            }, retained.toOpaque())
        guard code == 0 else {
            retained.release()
            return false
        }
        pthread_detach(started)
        return true
    }

    func stop() {
        locked { stopping = true }
        pthread_cond_signal(condition)
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        locked { jobs.append(job) }
        pthread_cond_signal(condition)
    }

    func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }

    func checkIsolated() {
        precondition(isCurrent, "This code belongs on the connection's own thread.")
    }

    func isIsolatingCurrentContext() -> Bool? { isCurrent }

    private var isCurrent: Bool { thread.load(ordering: .acquiring) == UInt(pthread_self()) }

    private func run() {
        thread.store(UInt(pthread_self()), ordering: .releasing)
        var batch: [UnownedJob] = []
        while true {
            pthread_mutex_lock(mutex)
            while jobs.isEmpty && !stopping { pthread_cond_wait(condition, mutex) }
            swap(&batch, &jobs)
            let ends = stopping && batch.isEmpty
            pthread_mutex_unlock(mutex)
            if ends { return }
            for job in batch { job.runSynchronously(on: asUnownedSerialExecutor()) }
            batch.removeAll(keepingCapacity: true)
        }
    }

    private func locked(_ body: () -> Void) {
        pthread_mutex_lock(mutex)
        body()
        pthread_mutex_unlock(mutex)
    }
}
