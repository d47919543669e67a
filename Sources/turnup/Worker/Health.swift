import ArgumentParser
import AsyncHTTPClient
import Foundation
import NIOCore
import Worker
import WorkflowCore

struct Health: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Ask the workers of this machine how they are.",
        discussion: """
            Reads what "turnup worker --health" gives. With no place named it asks every worker it finds here.

            Exit codes: 0 all are ready (with --live: move), 1 one is not or does not answer, 2 bad usage.

            Examples:
              turnup health
              turnup health --json /run/turnup/1/worker.sock
              turnup health --live 127.0.0.1:9700
            """)

    @Argument(help: ArgumentHelp("Socket or 127.0.0.1:PORT of one worker.", valueName: "place")) var place: String?
    @Flag(help: "Ask whether the loops move instead of whether work is done: for restarting what is wedged.")
    var live = false
    @Flag(help: "One JSON object a worker.") var json = false

    func run() async throws {
        let addresses: [HealthAddress]
        do { addresses = try place.map { [try HealthAddress($0)] } ?? HealthPlace.known() } catch {
            throw CommandFailure.badInput("\(error)")
        }
        guard !addresses.isEmpty else { throw WorkerTexts.nobodyFound }
        let client = HTTPClient(eventLoopGroupProvider: .singleton)
        var isGood = true
        for address in addresses {
            let report = await report(address, client)
            isGood = isGood && report["ok"] == true
            if json {
                Console.out(JSONValue.object(report).serialized())
            } else {
                let isLive = report["live"] == true
                let word =
                    !isLive
                    ? WorkerTexts.notLive
                    : live
                        ? WorkerTexts.live : report["ready"] == true ? WorkerTexts.ready : WorkerTexts.notReady
                Console.out(WorkerTexts.health("\(address)", word, says: report["says"]?.stringValue ?? ""))
            }
        }
        try await client.shutdown()
        if !isGood { throw ExitCode(1) }
    }

    /// The worker's own words, or why there are none.
    private func report(_ address: HealthAddress, _ client: HTTPClient) async -> JSONObject {
        do {
            let response = try await client.execute(HTTPClientRequest(url: url(address)), timeout: .seconds(5))
            let body = try await response.body.collect(upTo: 1 << 16)
            if let report = try JSONValue.parse(Array(body.readableBytesView)).objectValue { return report }
            return ["place": .string("\(address)"), "ok": false, "says": .string(WorkerTexts.noWorkersAnswer)]
        } catch {
            let why: String =
                isClosedToUs(address)
                ? WorkerTexts.noPermission
                : "\(error)".contains("connect") ? WorkerTexts.nobodyAnswers : WorkerTexts.noAnswer("\(error)")
            return ["place": .string("\(address)"), "ok": false, "live": false, "says": .string(why)]
        }
    }

    /// Only the worker's account and root may open its socket.
    private func isClosedToUs(_ address: HealthAddress) -> Bool {
        guard case .socket(let path) = address else { return false }
        return access(path, R_OK | W_OK) != 0 && errno == EACCES
    }

    private func url(_ address: HealthAddress) -> String {
        let page = live ? "/live" : "/ready"
        switch address {
        case .loopback: return "http://\(address)\(page)"
        case .socket(let path):
            let name = path.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
            return "http+unix://\(name)\(page)"
        }
    }
}
