import Foundation
import Glibc
import NIOCore
import Synchronization

/// Finds the addresses of names, on threads of its own: the system's look-up blocks, for many seconds when a
/// name server is away. Look-ups of one name at a time are shared, and good answers are kept for a moment.
final class Resolver: Sendable {
    typealias LookUp = @Sendable (_ host: String) throws -> [String]

    enum Resolution: Sendable, Equatable {
        case addresses([IPAddress])
        case failed(String)
        case timedOut
        case cancelled
    }

    private struct State {
        var waiting: [String: [OneShot<Resolution>]] = [:]
        var kept: [String: (addresses: [IPAddress], until: ContinuousClock.Instant)] = [:]
    }

    /// More names than this at once mean that the name server is away; then waiting threads would pile up.
    static let maximumThreads = 64
    static let keptFor: Duration = .seconds(5)

    private let lookUp: LookUp
    private let group: any EventLoopGroup
    private let state = Mutex(State())

    init(group: any EventLoopGroup, lookUp: @escaping LookUp) {
        self.group = group
        self.lookUp = lookUp
    }

    /// The addresses of a host, in the system's order; an address in text is only read.
    func resolve(_ host: String, deadline: ContinuousClock.Instant) async -> Resolution {
        if let literal = IPAddress(host) { return .addresses([literal]) }
        let now = ContinuousClock.now
        guard now < deadline else { return .timedOut }
        let answer = OneShot<Resolution>()
        let start: Resolution? = state.withLock { state in
            if let kept = state.kept[host], kept.until > now { return .addresses(kept.addresses) }
            if state.waiting[host] != nil {
                state.waiting[host]?.append(answer)
                return .cancelled
            }
            guard state.waiting.count < Self.maximumThreads else {
                return .failed("too many names are being looked up; is the name server away?")
            }
            state.waiting[host] = [answer]
            return nil
        }
        switch start {
        case nil: startThread(host)
        case .cancelled: break
        case let ready?: return ready
        }
        let timer = group.any().scheduleTask(in: .nanoseconds((deadline - now).nanoseconds)) {
            answer.fulfil(.timedOut)
        }
        defer { timer.cancel() }
        return await withTaskCancellationHandler {
            await answer.value()
        } onCancel: {
            answer.fulfil(.cancelled)
        }
    }

    private func startThread(_ host: String) {
        let thread = Thread { [self] in
            let resolution: Resolution
            do {
                let addresses = try lookUp(host).compactMap(IPAddress.init)
                resolution = addresses.isEmpty ? .failed("the name has no address") : .addresses(addresses)
            } catch {
                resolution = .failed("\(error)")
            }
            let waiting: [OneShot<Resolution>] = state.withLock { state in
                if case .addresses(let addresses) = resolution {
                    let now = ContinuousClock.now
                    state.kept = state.kept.filter { $0.value.until > now }
                    state.kept[host] = (addresses, now + Self.keptFor)
                }
                return state.waiting.removeValue(forKey: host) ?? []
            }
            for answer in waiting { answer.fulfil(resolution) }
        }
        thread.name = "turnup name look-up"
        thread.start()
    }

    /// The system's own look-up.
    static func systemLookUp(_ host: String) throws -> [String] {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_ADDRCONFIG
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host, nil, &hints, &list)
        guard code == 0 else { throw LookUpError(description: String(cString: gai_strerror(code))) }
        defer { freeaddrinfo(list) }
        var addresses: [String] = []
        var entry = list
        while let current = entry {
            var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
            let info = current.pointee
            if getnameinfo(info.ai_addr, info.ai_addrlen, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST) == 0 {
                let bytes = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
                addresses.append(String(decoding: bytes, as: UTF8.self))
            }
            entry = info.ai_next
        }
        return addresses
    }
}

struct LookUpError: Error, CustomStringConvertible {
    let description: String
}

extension Duration {
    /// Whole nanoseconds; the largest number when there are more.
    var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        return overflow ? .max : product + attoseconds / 1_000_000_000
    }

    /// Whole milliseconds, rounded up, so that what took time is never 0.
    var milliseconds: Int64 { (nanoseconds + 999_999) / 1_000_000 }
}
