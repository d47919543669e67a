/// What `turnup demo` and `turnup simulate` say.
enum DemoTexts {
    // MARK: Demo

    static func database(_ folder: String, _ database: String) -> String {
        "Private PostgreSQL: \(folder), database \(database)"
    }

    static func platform(port: Int) -> String {
        "Simulated platform: http://127.0.0.1:\(port), preset slow-activation (7 s)\n"
    }

    static func adding(_ number: String, to organisation: String) -> String { "Adding \(number) to \(organisation):" }
    static func lookAround(_ url: String) -> String {
        "\nLook around: export TURNUP_DATABASE_URL='\(url)'; turnup runs"
    }
    static let goesOnRunning = "The private PostgreSQL goes on running; \"turnup database stop\" ends it."

    static func notActive(_ number: String, _ reason: String) -> CommandFailure {
        .failed("\(number) did not become active: \(reason)")
    }

    static let anotherRuns = CommandFailure.failed(
        "another demo is running", hint: "Wait until it is over; it takes ten seconds.")

    // MARK: Simulate

    static func simulating(preset: String, seed: UInt64, secret: String) -> String {
        "Preset \(preset), seed \(seed); master secret \(secret). Ctrl-C stops it."
    }
}
