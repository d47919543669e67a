import Foundation

/// Runs what blocks where it holds nobody up: the shared threads are as few as the cores, and a test that blocks one
/// spoils the timing of all others.
public func onThreadOfItsOwn<Value: Sendable>(
    _ body: @escaping @Sendable () throws -> Value
) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Result { try body() }) }
    }
}
