import EventStore
import Synchronization
import WorkflowCore

/// All rows of a file or none.
extension EnqueueFile {
    private struct Refused: Error {}

    private struct StrictState: Sendable {
        var batch = BulkBatch()
        var tally = BulkTally()
        var rejects: RejectFile
        var line: ProgressLine
    }

    func runStrictly(_ input: BulkInput, _ format: FileFormat, _ rules: inout BulkRules) async throws -> Outcome {
        guard input.isFile else { throw EnqueueTexts.strictNeedsFile }
        let progress = BulkProgress(
            purpose: purpose, digest: "", startedMilliseconds: try await startedMilliseconds())
        let checker = try reader(input, format, &rules, progress)
        let state = Mutex(
            StrictState(
                rejects: try RejectFile(path: rejectedPath(format), format: format, columns: rules.columns),
                line: ProgressLine(totalBytes: input.bytes, rows: 0, bytes: 0)))
        defer { state.withLock { $0.line.end() } }
        while let batch = try checker.next() {
            if stop.isRaised { throw CancellationError() }
            try state.withLock {
                try $0.rejects.add(batch.rejections([]))
                $0.tally.add([], rejected: batch.rejected.count)
            }
        }
        if state.withLock({ $0.tally.rejected > 0 }) { throw refusal(state.withLock { $0 }) }
        let reader = try reader(input, format, &rules, progress)
        do {
            try await bulk.enqueueTogether {
                if stop.isRaised { throw CancellationError() }
                guard let batch = try reader.next() else {
                    if state.withLock({ $0.tally.rejected > 0 }) { throw Refused() }
                    return nil
                }
                state.withLock { $0.batch = batch }
                return batch.lines
            } answered: { answers in
                try state.withLock {
                    let refused = $0.batch.rejections(answers)
                    try $0.rejects.add(refused)
                    $0.tally.add(answers, rejected: refused.count)
                    $0.line.show(rows: $0.tally.rows, bytes: $0.batch.offset)
                }
            }
        } catch is Refused { throw refusal(state.withLock { $0 }) }
        try await bulk.wake()
        return Outcome(tally: state.withLock { $0.tally })
    }

    private func refusal(_ state: StrictState) -> CommandFailure {
        EnqueueTexts.nothingEnqueued(badRows: state.tally.rejected, in: state.rejects.path)
    }
}
