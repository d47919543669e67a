import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import WorkflowCore

/// How sending one request ended.
struct Exchange: Sendable {
    enum Ending: Sendable {
        case complete(Answer)
        /// Nothing left: not a byte of the request was written.
        case notSent(String)
        /// Something may have left, and no complete answer came.
        case broken(error: String, detail: String)
        case cancelled
    }

    let ending: Ending
    let record: ExchangeRecorder.Record

    var isSent: Bool { record.headSentAt != nil }

    /// When an exchange must be over, and when it must have begun.
    struct Limits {
        let deadline: ContinuousClock.Instant
        /// Later the request must not leave; not after the deadline.
        let latestDeparture: ContinuousClock.Instant
    }

    /// Sends the request once; it ends by the deadline, whatever the peer does.
    static func perform(
        _ rendered: RenderedRequest, with client: HTTPClient, _ departures: Departures, within times: Limits,
        limits: HTTPActionsConfiguration
    ) async -> Exchange {
        let recorder = ExchangeRecorder(
            headLimit: limits.headLimitBytes, bodyLimit: limits.bodyLimitBytes, phaseReached: limits.phaseReached)
        let ticket = Departures.Ticket(latest: times.latestDeparture, recorder: recorder)
        let ticketId = departures.add(ticket)
        defer { departures.remove(ticketId) }
        let request: HTTPClient.Request
        do {
            request = try makeRequest(rendered, ticketId)
        } catch {
            return Exchange(ending: .notSent("the client refused the request: \(error)"), record: recorder.record)
        }
        // Both parsers of the URL must agree, or the host that is called is not the host that was checked.
        guard request.host.lowercased() == rendered.target.writtenHost, request.port == rendered.target.port else {
            return Exchange(ending: .notSent("the URL is read in two ways"), record: recorder.record)
        }
        // Without a logger: at its trace level the client would write whole answers into the log.
        let task = client.execute(request: request, delegate: recorder)
        ticket.board(task)
        let timers = Self.end(task, ticket, times)
        // On the loop itself, which need not be woken for it.
        task.futureResult.whenComplete { _ in for timer in timers { timer.cancel() } }
        let failure: (any Error)? = await withTaskCancellationHandler {
            do {
                try await task.futureResult.get()
                return nil
            } catch { return error }
        } onCancel: {
            task.cancel()
        }
        var record = recorder.record
        // The client believes that the request was sent, but the connection's guard stopped it.
        if ticket.isLate { record.headSentAt = nil }
        return Exchange(ending: ending(of: record, failure), record: record)
    }

    /// After a stop of the process, the answer in the socket and the deadline come at the same moment. The answer,
    /// which may hold a key that is shown only once, is read first; the client's own deadline would not wait for that.
    private static func end(_ task: HTTPClient.Task<Void>, _ ticket: Departures.Ticket, _ times: Limits)
        -> [Scheduled<Void>]
    {
        let now = ContinuousClock.now
        let deadline = task.eventLoop.scheduleTask(in: .nanoseconds((times.deadline - now).nanoseconds)) {
            ticket.turnAway()
            _ = task.eventLoop.scheduleTask(in: .milliseconds(20)) {
                task.fail(reason: HTTPClientError.deadlineExceeded)
            }
        }
        guard times.latestDeparture < times.deadline else { return [deadline] }
        let departure = task.eventLoop.scheduleTask(in: .nanoseconds((times.latestDeparture - now).nanoseconds)) {
            ticket.turnAway()
        }
        return [departure, deadline]
    }

    private static func makeRequest(_ rendered: RenderedRequest, _ ticketId: UInt64) throws -> HTTPClient.Request {
        var headers = HTTPHeaders()
        for (name, value) in rendered.headers { headers.add(name: name, value: value) }
        if !rendered.isRepeatable { headers.add(name: "Connection", value: "close") }
        headers.add(name: Departures.header, value: "\(ticketId)")
        return try HTTPClient.Request(
            url: rendered.url, method: HTTPMethod(rawValue: rendered.method), headers: headers,
            body: rendered.body.map { .bytes($0) })
    }

    private static func ending(of record: ExchangeRecorder.Record, _ failure: (any Error)?) -> Ending {
        guard let failure else {
            guard let status = record.status else {
                return .broken(error: "bad_answer", detail: "the answer ended without a head")
            }
            return .complete(Answer(status: status, headers: record.headers, bytes: record.body))
        }
        if failure as? HTTPClientError == .cancelled { return .cancelled }
        guard record.headSentAt != nil else { return .notSent(shortText(of: failure)) }
        switch failure {
        case let error as HTTPClientError:
            switch error {
            case .deadlineExceeded, .readTimeout, .writeTimeout:
                return .broken(error: "timeout", detail: "no complete answer came before the deadline")
            default: return .broken(error: ErrorName.lostConnection, detail: shortText(of: error))
            }
        case HTTPParserError.invalidEOFState:
            return .broken(error: ErrorName.lostConnection, detail: "the connection ended within the answer")
        case let error as HTTPParserError:
            return .broken(error: "bad_answer", detail: "the answer is no HTTP: \(error)")
        case let error as AnswerError: return .broken(error: "bad_answer", detail: error.text)
        case ExchangeRecorder.LimitError.head(let limit):
            return .broken(error: "bad_answer", detail: "the answer's head is longer than \(limit) bytes")
        case ExchangeRecorder.LimitError.body(let limit):
            return .broken(error: "bad_answer", detail: "the answer's body is longer than \(limit) bytes")
        default: return .broken(error: ErrorName.lostConnection, detail: shortText(of: failure))
        }
    }

    private static func shortText(of error: any Error) -> String {
        if let error = error as? HTTPClientError { return error.shortDescription }
        // "Connection refused" says it; NIO's own text wraps it in the name of a system call.
        if let error = error as? IOError { return String(cString: strerror(error.errnoCode)) }
        return "\(error)"
    }
}
