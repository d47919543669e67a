import Foundation
import WorkflowCore

/// The row of the service that all fixtures call: who may send now. Follows `find_out`, `pause_service`,
/// `resume_service` and the first half of `claim_line`.
struct ServiceModel {
    /// What an answer, or its absence, says.
    enum Finding: String {
        case answered, limited, unclear, failed
        /// The trial was given back without a request.
        case unsent
        /// The trial's request takes longer: its lease was renewed.
        case renewed
    }

    /// What a worker tells with the commit of an outcome.
    struct Report {
        let finding: Finding
        let reason: String?
        let askedMilliseconds: Int64

        /// Nil when it says nothing: nothing was sent, for reasons of our own.
        init?(_ value: AttemptResult) {
            switch (value.status, value.error) {
            case (_, "timeout"?): finding = .failed
            case (nil, "unreachable"?) where !value.isCounted: finding = .failed
            case (nil, _): return nil
            case (429?, _): finding = .limited
            case (let status?, let error?) where error == "http.\(status)":
                finding = status >= 500 ? .failed : .unclear
            case (_, "bad_answer"?): finding = .unclear
            case (_, _): finding = .answered
            }
            reason = value.error ?? value.status.map { "http.\($0)" }
            askedMilliseconds = max(0, value.retryAfterMilliseconds ?? 0)
        }
    }

    /// What is remembered of an answer.
    struct Heard {
        let run: Int
        let at: Instant
        let finding: Finding
    }

    /// Left by commits, read by the next claim.
    struct Note {
        let finding: Finding
        var reason: String?
        var run = -1
        let token: Int64
        var notBefore: Instant?
    }

    static let name = "wpp"
    /// How long the breaker stays open the first time.
    static let firstPauseMilliseconds: Int64 = 1000
    /// The longest wait that a 429 may ask of all runs.
    static let capMilliseconds: Int64 = 30_000
    /// The end of a pause that lasts until a person lifts it.
    static let endless = Instant(microseconds: 253_402_214_400_000_000)

    /// Requests at the same time, of all workers; nil: any number.
    var concurrent: Int?
    var pausedUntil: Instant?
    var reason: String?
    var failures = 0
    /// Of the last minute while it is closed; else what trials got since one of them failed.
    var answers: [Heard] = []
    /// The runs whose failures opened it, a run as often as it failed.
    var openedBy: [Int] = []
    var trialToken: Int64?
    var trialExpires: Instant?
    var reopenedAt: Instant?
    var notBefore: Instant?

    /// Until when nobody may send; nil: now.
    func shutUntil(_ time: Instant) -> Instant? {
        [pausedUntil, notBefore].compactMap { $0 }.max().flatMap { $0 > time ? $0 : nil }
    }

    /// A platform that has just come back gets two requests at once, and twice as many with each second.
    func slowStart(at time: Instant) -> Int? {
        guard let reopenedAt, reopenedAt > time.advanced(byMilliseconds: -10_000) else { return nil }
        let seconds = Double(time.microseconds - reopenedAt.microseconds) / 1_000_000
        return Int((2 * pow(2, seconds)).rounded())
    }

    // MARK: People

    /// Never shorter than the pause that stands.
    mutating func pause(until ends: Instant) {
        pausedUntil = max(pausedUntil ?? ends, ends)
        reason = "a person"
        endTrial()
    }

    /// False: it was open.
    mutating func resume(at time: Instant) -> Bool {
        guard failures > 0 || pausedUntil != nil || notBefore.map({ $0 > time }) ?? false else { return false }
        close(at: time)
        notBefore = nil
        return true
    }

    // MARK: The breaker

    /// Takes in what answers say, in their order. All runs are of one organisation, and no other calls.
    mutating func take(_ notes: [Note], at time: Instant) {
        if notes.isEmpty { return }
        var failure: Note?
        var isOpening = false
        for note in notes {
            if note.finding == .renewed {
                if let token = trialToken, note.token == token, let expires = trialExpires, let ends = note.notBefore {
                    trialExpires = max(expires, ends)
                }
                continue
            }
            if note.finding == .limited, let wanted = note.notBefore { notBefore = max(notBefore ?? wanted, wanted) }
            if failures > 0 {
                guard let token = trialToken, note.token == token else { continue }
                endTrial()
            }
            if note.finding == .unsent { continue }
            if note.finding == .failed { failure = note }
            let heard = Heard(run: note.run, at: time, finding: note.finding)
            if failures > 0, note.finding == .failed {
                isOpening = true
                answers = [heard]
                continue
            }
            answers = answers.suffix(31) + [heard]
            let unclear = Set(answers.filter { $0.finding == .unclear }.map(\.run))
            if failures > 0, note.finding == .answered || unclear.count >= 3 { close(at: time) }
        }
        if failures == 0 {
            let recent = answers.filter { $0.at > time.advanced(byMilliseconds: -60_000) }
            let failed = recent.filter { $0.finding == .failed }
            answers = failed.isEmpty ? [] : recent
            let clear = recent.count { $0.finding != .unclear }
            if failure != nil, Set(failed.map(\.run)).count >= 3, failed.count * 2 > clear {
                isOpening = true
                openedBy = failed.map(\.run)
                answers = []
            }
        }
        if isOpening, let failure { open(failure, at: time) }
    }

    private mutating func open(_ note: Note, at time: Instant) {
        let first = Self.firstPauseMilliseconds
        let ends = time.advanced(byMilliseconds: min(max(30_000, first), first << Int64(min(failures, 16))))
        if pausedUntil.map({ $0 < ends }) ?? true {
            pausedUntil = ends
            reason = note.reason
        }
        if let wanted = note.notBefore { pausedUntil = max(pausedUntil ?? wanted, wanted) }
        failures += 1
        endTrial()
    }

    /// Who makes the trial, of those that are ready: best one that neither opened it nor has been the trial since.
    func trial(of ready: [Int]) -> Int? {
        let tried = answers.map(\.run)
        return ready.first { !openedBy.contains($0) && !tried.contains($0) } ?? ready.first { !openedBy.contains($0) }
            ?? ready.first
    }

    private mutating func close(at time: Instant) {
        pausedUntil = nil
        reason = nil
        failures = 0
        answers = []
        openedBy = []
        reopenedAt = time
        endTrial()
    }

    private mutating func endTrial() {
        trialToken = nil
        trialExpires = nil
    }
}
