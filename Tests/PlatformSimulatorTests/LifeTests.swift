import Logging
import PlatformSimulator
import Testing

@Suite struct LifeTests {
    @Test func `a port that is taken is a named error, on either port`() async throws {
        try await simulating { _, _, ports in
            for (port, control) in [(ports.port, 0), (0, ports.port), (ports.controlPort, 0), (0, ports.controlPort)] {
                let second = try PlatformSimulator(
                    configuration: SimulatorConfiguration(port: port, controlPort: control))
                await #expect(throws: SimulatorError.portInUse(port + control)) { try await second.start() }
            }
        }
    }

    @Test func `an address that is not loopback is refused`() async throws {
        let simulator = try PlatformSimulator(configuration: SimulatorConfiguration(host: "0.0.0.0"))
        await #expect(throws: SimulatorError.notLoopback("0.0.0.0")) { try await simulator.start() }
    }

    @Test func `a simulator starts once, stops twice and gives its ports back`() async throws {
        let simulator = try PlatformSimulator()
        let ports = try await simulator.start()
        await #expect(throws: SimulatorError.alreadyStarted) { try await simulator.start() }
        await simulator.stop()
        await simulator.stop()
        await #expect(throws: RawClientError.refused) { try await RawClient(port: ports.port) }
        await #expect(throws: RawClientError.refused) { try await RawClient(port: ports.controlPort) }
    }

    @Test func `cancelling run stops it and ends a hanging exchange`() async throws {
        var configuration = SimulatorConfiguration()
        configuration.faults = [FaultRule(effect: .hang())]
        let simulator = try PlatformSimulator(configuration: configuration)
        let ports = try await simulator.start()
        let running = Task { try await simulator.run() }
        let client = try await RawClient(port: ports.port)
        try await client.send("GET", "/api/accounts")
        #expect(await simulator.wait(for: RequestMatch(), phase: .received))
        running.cancel()
        try await running.value
        #expect(try await client.read().ending == .closed)
        await #expect(throws: RawClientError.refused) { try await RawClient(port: ports.port) }
    }

    @Test func `several simulators live side by side with their own truth`() async throws {
        try await simulating(seed: 1) { one, calls, _ in
            try await simulating(seed: 2) { other, otherCalls, _ in
                let key = try await calls.key("org-1")
                #expect(try await otherCalls.key("org-1") != key)
                #expect(try await otherCalls.token(key).status == 403)
                #expect(one.clients().count == 1)
                #expect(other.clients().count == 1)
            }
        }
    }

    @Test func `many clients at once lose nothing, by counting a thousand creates on twenty connections`() async throws
    {
        try await simulating { simulator, calls, _ in
            let headers = ["Authorization": "Bearer \(calls.masterSecret)"]
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 1...20 {
                    group.addTask {
                        let client = try await RawClient(port: calls.port)
                        for _ in 1...50 {
                            try await client.send(
                                "POST", createPath, body: #"{"organizationId":"o-\#(number)"}"#, headers: headers)
                            #expect(try await client.read().status == 200)
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(simulator.clients().count == 1000)
            #expect(Set(simulator.clients().map(\.apiKey)).count == 1000)
            #expect(simulator.ledger().map(\.ordinal) == Array(1...1000))
        }
    }
}
