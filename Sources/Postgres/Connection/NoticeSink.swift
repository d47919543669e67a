import CLibpq
import Logging
import Synchronization

/// Takes the server's notices, which libpq would otherwise print to standard error.
final class NoticeSink: Sendable {
    private let logger: Logger
    private let unreplicated = Atomic<Bool>(false)

    init(logger: Logger) {
        self.logger = logger
    }

    /// Whether a commit's wait for its synchronous standby was broken off since this was last asked.
    func takeUnreplicated() -> Bool { unreplicated.exchange(false, ordering: .relaxed) }

    static func receive(_ context: UnsafeMutableRawPointer?, _ result: OpaquePointer?) {
        guard let context, let result else { return }
        Unmanaged<NoticeSink>.fromOpaque(context).takeUnretainedValue().receive(result)
    }

    private func receive(_ result: OpaquePointer) {
        func field(_ code: Character) -> String {
            guard let code = code.asciiValue, let text = PQresultErrorField(result, Int32(code)) else { return "" }
            return String(cString: text)
        }
        // The text is in the server's language and the code says only "warning"; where it comes from is never translated.
        if field("R") == "SyncRepWaitForLSN" { unreplicated.store(true, ordering: .relaxed) }
        logger.debug("PostgreSQL notice: \(field("M"))")
    }
}
