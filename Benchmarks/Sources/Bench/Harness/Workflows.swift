/// The definitions that are measured. Every call may be repeated, so that connections are used again.
enum Workflows {
    /// One request that takes a while.
    static let slow = one("slow", service: "sluggish", path: "/slow")
    /// One request that tells which run it is of.
    static let probe = one("probe", service: "quick", path: "/probe/${input.n}")
    /// One request that is answered at once.
    static let single = one("single", service: "quick", path: "/last")
    /// Three requests, one after the other.
    static let chain = """
        dsl: 1
        workflow: chain
        version: 1
        key: ${input.n}
        start: first
        input: {n: {type: string}}
        services: {quick: {timeout: 30s}}
        states:
          first:
            call: {request: 'GET quick:/first'}
            next: second
          second:
            call: {request: 'GET quick:/second'}
            next: third
          third:
            call: {request: 'GET quick:/last'}
            next: active
          active: {end: succeeded}
          failed: {end: failed}

        """

    /// One request whose answer nobody names.
    static let doomed = one("doomed", service: "quick", path: "/refuse")
    /// One request whose answer asks for a person.
    static let stuck = one("stuck", service: "quick", path: "/hold", catches: "[{error: http.409, hold: 'look at it'}]")

    static let all = [
        "slow": slow, "probe": probe, "single": single, "chain": chain, "doomed": doomed, "stuck": stuck,
    ]

    private static func one(_ name: String, service: String, path: String, catches: String = "[]") -> String {
        """
        dsl: 1
        workflow: \(name)
        version: 1
        key: ${input.n}
        start: requested
        input: {n: {type: string}}
        services: {\(service): {timeout: 30s}}
        states:
          requested:
            call: {request: 'GET \(service):\(path)'}
            catch: \(catches)
            next: active
          active: {end: succeeded}
          failed: {end: failed}

        """
    }
}
