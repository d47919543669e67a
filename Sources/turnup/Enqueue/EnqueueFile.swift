import EventStore
import Foundation
import Vault
import WorkflowCore

/// Starts a run for each row of a file.
struct EnqueueFile {
    struct Options {
        var workflow: String
        var organisation: String?
        var version: Int?
        var from: String
        var format: FileFormat?
        var rejectedPath: String?
        var rowsPerBatch: Int
        var batchesAtOnce: Int
        var isStrict: Bool
        var resumes: Bool
    }

    let options: Options
    let session: Session
    let stop: StopFlag

    struct Outcome: Sendable {
        var tally = BulkTally()
        var rejectedPath: String?
        var seconds = 0.0
    }

    func run() async throws -> Outcome {
        let began = ContinuousClock.now
        let input = try BulkInput(options.from)
        defer { if input.descriptor != STDIN_FILENO { close(input.descriptor) } }
        let format = try format(input)
        try RejectFile.requireApart(rejectedPath(format), from: input)
        if let path = options.rejectedPath { try RejectFile.requireWritable(path) }
        var rules = try await rules()
        var outcome =
            options.isStrict
            ? try await runStrictly(input, format, &rules) : try await runInBatches(input, format, &rules)
        outcome.seconds = (ContinuousClock.now - began) / .seconds(1)
        return outcome
    }

    private func format(_ input: BulkInput) throws -> FileFormat {
        if let format = options.format { return format }
        let ending = URL(fileURLWithPath: options.from).pathExtension.lowercased()
        if let format = FileFormat(rawValue: ending) { return format }
        if ending == "ndjson" { return .jsonl }
        throw EnqueueTexts.noFormat(options.from)
    }

    private func rules() async throws -> BulkRules {
        let chosen = try await session.published(options.workflow, version: options.version)
        var definitions: [Int: Definition] = [:]
        for summary in try await session.store.definitions() where summary.workflow == options.workflow {
            guard
                let published = try await session.store.definition(
                    workflow: options.workflow, version: summary.version),
                let definition = try? published.definition()
            else { continue }
            definitions[summary.version] = definition
        }
        guard definitions[chosen.version] != nil else { throw WorkflowTexts.unreadable(options.workflow) }
        return BulkRules(
            workflow: options.workflow, definitions: definitions, version: chosen.version,
            hasOrganisation: options.organisation != nil)
    }

    var bulk: BulkEnqueue {
        BulkEnqueue(
            store: session.store, workflow: options.workflow, organisation: options.organisation,
            version: options.version, actor: Session.actor)
    }

    func rejectedPath(_ format: FileFormat) -> String {
        if let path = options.rejectedPath { return path }
        let base = options.from == "-" ? "stdin" : URL(fileURLWithPath: options.from).deletingPathExtension().path
        return "\(base).rejected.\(format.rawValue)"
    }

    /// What a resumed enqueue must have in common with the first.
    var purpose: String {
        [options.workflow, options.version.map { "version \($0)" } ?? "", options.organisation ?? ""]
            .joined(separator: "\n")
    }

    // MARK: In batches

    private func runInBatches(_ input: BulkInput, _ format: FileFormat, _ rules: inout BulkRules) async throws
        -> Outcome
    {
        let progressPath = options.from + ".progress"
        var progress = try await progress(input, progressPath)
        let reader = try reader(input, format, &rules, progress)
        var rejects = try RejectFile(
            path: rejectedPath(format), format: format, columns: rules.columns, keeping: progress.rejectedBytes)
        if input.isFile { try progress.save(progressPath) }
        var line = ProgressLine(totalBytes: input.bytes, rows: progress.tally.rows, bytes: progress.offset)
        func record(_ batch: BulkBatch, _ answers: [BulkAnswer]) throws {
            let refused = batch.rejections(answers)
            try rejects.add(refused)
            progress.tally.add(answers, rejected: refused.count)
            progress.offset = batch.offset
            progress.line = batch.line
            progress.rejectedBytes = rejects.bytes
            if input.isFile { try progress.save(progressPath) }
            line.show(rows: progress.tally.rows, bytes: progress.offset)
        }
        // Batches in the file's order. They are recorded in that order too, so that one place says where to continue.
        var underWay: [Submission] = []
        do {
            var ahead = try reader.next()
            while ahead != nil || !underWay.isEmpty {
                while let batch = ahead, underWay.count < options.batchesAtOnce, !stop.isRaised {
                    underWay.append(Submission(batch, bulk))
                    // The next rows are read while the database works on these.
                    ahead = try reader.next()
                }
                guard !underWay.isEmpty else { throw CancellationError() }
                let oldest = underWay.removeFirst()
                try record(oldest.batch, try await oldest.answers.value)
            }
        } catch {
            // Batches under way end first. After a failed batch nothing more is recorded, so that --resume finds it.
            var isRecorded = error is CancellationError
            for submission in underWay {
                guard let answers = try? await submission.answers.value, isRecorded else {
                    isRecorded = false
                    continue
                }
                do { try record(submission.batch, answers) } catch { isRecorded = false }
            }
            line.end()
            try? await bulk.wake()
            explainStop(progress, input)
            throw error
        }
        line.end()
        try await bulk.wake()
        if input.isFile { try? FileManager.default.removeItem(atPath: progressPath) }
        return Outcome(tally: progress.tally, rejectedPath: progress.tally.rejected > 0 ? rejects.path : nil)
    }

    /// A batch on its way to the database.
    private struct Submission {
        let batch: BulkBatch
        let answers: Task<[BulkAnswer], any Error>

        init(_ batch: BulkBatch, _ bulk: BulkEnqueue) {
            self.batch = batch
            answers = Task { try await bulk.enqueue(batch.lines) }
        }
    }

    private func explainStop(_ progress: BulkProgress, _ input: BulkInput) {
        Console.note(EnqueueTexts.stopped(afterLine: progress.line - 1, progress.tally.text))
        Console.note(input.isFile ? EnqueueTexts.resumeHint : EnqueueTexts.againHint)
    }

    private func progress(_ input: BulkInput, _ path: String) async throws -> BulkProgress {
        guard input.isFile else {
            if options.resumes { throw EnqueueTexts.pipeNotResumed }
            return BulkProgress(purpose: purpose, digest: "", startedMilliseconds: try await startedMilliseconds())
        }
        let digest = ContentDigest.hex(try ContentDigest.sha256 { try input.piece() })
        let earlier = try BulkProgress.load(path)
        guard options.resumes else {
            if earlier != nil { throw EnqueueTexts.begunBefore(options.from, record: path) }
            return BulkProgress(purpose: purpose, digest: digest, startedMilliseconds: try await startedMilliseconds())
        }
        guard let earlier else { throw EnqueueTexts.nothingToResume(path) }
        guard earlier.digest == digest else { throw EnqueueTexts.changedSince(options.from, record: path) }
        guard earlier.purpose == purpose else { throw EnqueueTexts.otherPurpose(options.from) }
        return earlier
    }

    func startedMilliseconds() async throws -> Int64 { try await session.store.now().microseconds / 1000 }

    /// Stands behind the head, or where the earlier enqueue ended.
    func reader(
        _ input: BulkInput, _ format: FileFormat, _ rules: inout BulkRules, _ progress: BulkProgress
    ) throws -> BulkReader {
        if input.isFile { try input.seek(0) }
        var records = RecordReader(
            LineBuffer(descriptor: input.descriptor, stop: input.isFile ? nil : stop), format: format)
        try records.skipMark()
        if format == .csv { try rules.take(head: try records.next()) }
        if progress.offset > 0 {
            try input.seek(progress.offset)
            records = RecordReader(
                LineBuffer(descriptor: input.descriptor, stop: nil, offset: progress.offset, line: progress.line),
                format: format)
        }
        return BulkReader(
            records, rules: rules, row: progress.tally.rows, rowsPerBatch: options.rowsPerBatch,
            id: { progress.id(row: $0) })
    }
}

extension BulkTally {
    mutating func add(_ answers: [BulkAnswer], rejected: Int) {
        for answer in answers {
            switch answer.outcome {
            case .created: created += 1
            case .existing: existing += 1
            case .refused: break
            }
        }
        self.rejected += Int64(rejected)
    }
}
