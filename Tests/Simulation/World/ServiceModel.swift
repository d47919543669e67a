import Foundation
import WorkflowCore

/// The row of the service that all fixtures call: who may send now. Follows `find_out`, `pause_service`,
/// `resume_service` and the first half of `claim_line`.
struct ServiceModel {
    /// What an answer, or its absence, says.
    enum Finding: String {
        case answered, limited, silent, down
        /// The trial was given back without a request.
        case unsent
    }

    /// What a worker tells with the commit of an outcome.
    struct Report {
        let finding: Finding
        let reason: String?
        let askedMilliseconds: Int64

        /// Nil when it says nothing: nothing was sent, for reasons of our own.
        init?(_ value: AttemptResult) {
            switch value.status {
            case 429?: finding = .limited
            case _ where !value.isCounted && value.error == "unreachable": finding = .down
            case let status? where [502, 503, 504].contains(status): finding = .silent
            case .some: finding = .answered
            case nil where value.error == "timeout": finding = .silent
            case nil: return nil
            }
            reason = value.error ?? value.status.map { "http.\($0)" }
            askedMilliseconds = max(0, value.retryAfterMilliseconds ?? 0)
        }
    }

    /// Left by commits, read by the next claim.
    struct Note {
        let finding: Finding
        var reason: String?
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
    var unanswered = 0
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

    /// Takes in what answers say, in their order.
    mutating func take(_ notes: [Note], at time: Instant) {
        for note in notes {
            let isTrial = trialToken != nil && note.token == trialToken
            switch note.finding {
            case .answered, .limited:
                if note.finding == .limited, let wanted = note.notBefore {
                    notBefore = max(notBefore ?? wanted, wanted)
                }
                if failures == 0 { unanswered = 0 } else if isTrial { close(at: time) }
            case .unsent: if isTrial { endTrial() }
            case .silent, .down:
                if failures == 0 { unanswered += 1 }
                if isTrial || (failures == 0 && (note.finding == .down || unanswered >= 5)) { open(note, at: time) }
            }
        }
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
        unanswered = 0
        endTrial()
    }

    private mutating func close(at time: Instant) {
        pausedUntil = nil
        reason = nil
        failures = 0
        unanswered = 0
        reopenedAt = time
        endTrial()
    }

    private mutating func endTrial() {
        trialToken = nil
        trialExpires = nil
    }
}
