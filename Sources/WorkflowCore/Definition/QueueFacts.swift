extension Definition {
    /// What the queue needs to know of a definition, so that SQL need not read the definition:
    /// `{"first_service": "api", "deadline_milliseconds": 2592000000, "limits": {"live_runs": 5, "per": "organisation"}, "services": {"api":
    /// {"concurrent": 2, "rate_count": 30, "rate_milliseconds": 60000, "per": "all"}}}`.
    ///
    /// `limits` is null when the definition limits no runs. `services` names only the services that have limits; a
    /// limit that such a service does not have is null.
    public var queueFacts: JSONValue {
        let runs: JSONValue =
            limits.map { ["live_runs": .integer($0.liveRuns), "per": .string($0.per.rawValue)] } ?? .null
        let limited = services.compactMap { service in
            service.limits.map { (service.name, $0.queueFacts) }
        }
        return [
            "first_service": .string(firstService), "deadline_milliseconds": .integer(deadlineMilliseconds),
            "limits": runs, "services": .object(JSONObject(limited)),
        ]
    }

    /// The service of the first call that a fresh run makes. The run stands in the line of this service from the start.
    ///
    /// Empty when a fresh run first waits, chooses or ends: a worker must look at the run before its line is known.
    public var firstService: String {
        var next: String? = start
        // Nobody calls from a circle, which the rules refuse anyway.
        var left = states.count
        while let name = next, let here = state(name), left > 0 {
            left -= 1
            switch here.action {
            case .call(let call): return call.service
            case .pause: return ""
            case .set, nil: break
            }
            if case .next(let name) = here.exit { next = name } else { next = nil }
        }
        return ""
    }
}

extension ServiceLimits {
    fileprivate var queueFacts: JSONValue {
        [
            "concurrent": concurrent.map { .integer($0) } ?? .null,
            "rate_count": rate.map { .integer($0.count) } ?? .null,
            "rate_milliseconds": rate.map { .integer($0.windowMilliseconds) } ?? .null,
            "per": .string(per.rawValue),
        ]
    }
}
