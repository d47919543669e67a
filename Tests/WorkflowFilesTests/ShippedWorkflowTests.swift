import Testing
import WorkflowCore
import WorkflowFiles

@Suite("Shipped workflows")
struct ShippedWorkflowTests {
    @Test
    func `whatsapp-number warns of the lost create answer and of what is left behind alone, by publishing it`() throws {
        let check = WorkflowFile.check(
            try Samples.shipped("whatsapp-number"), name: "whatsapp-number.yaml", mode: .publish)
        #expect(
            check.problems.map(\.description) == [
                "whatsapp-number.yaml:72:5: W307 state \"requested\": POST /api/integrations/wpp/create is not safe to "
                    + "send twice and cannot be looked up, so a lost answer will wait for a person.",
                "whatsapp-number.yaml:72:5: W309 state \"requested\": nothing undoes POST /api/integrations/wpp/create, "
                    + "so a failed run leaves behind what it made; add undo, or undo: none where nothing can.",
            ])
        #expect(check.workflow != nil)
    }

    @Test(arguments: ["whatsapp-number", "whatsapp-number-shared-key", "whatsapp-number-sub-organisation"])
    func `a worker reads the same definition from the canonical text as the file gave, by a round trip`(_ name: String)
        throws
    {
        let check = WorkflowFile.check(try Samples.shipped(name), name: "\(name).yaml")
        let workflow = try #require(check.workflow)
        let reading = Definition.read(canonical: try JSONValue.parse(workflow.canonical))
        #expect(reading.problems.isEmpty)
        #expect(reading.definition == workflow.definition)
    }

    @Test func `whatsapp-number says what the design asks, by looking at its states`() throws {
        let check = WorkflowFile.check(try Samples.shipped("whatsapp-number"), name: "whatsapp-number.yaml")
        let definition = try #require(check.workflow).definition
        let create = try #require(call(definition, "requested"))
        #expect(!create.isRepeatable)
        #expect(definition.state("requested")?.retry.isEmpty == true)
        #expect(definition.state("client-created")?.action == nil)
        #expect(definition.state("client-created")?.exit == .next("token-pending"))
        let token = try #require(call(definition, "token-pending"))
        #expect(token.isRepeatable)
        #expect(token.timeoutMilliseconds == 15_000)
        let retry = try #require(definition.state("token-pending")).retry
        #expect(retry.map(\.errors) == [["key_not_active"], ["transient", "http.500", "bad_answer"]])
        let activation = try #require(retry.first).policy
        #expect(
            activation
                == RetryPolicy(
                    name: "activation", delayMilliseconds: 1000, backoff: 1.5, maximumDelayMilliseconds: 60_000,
                    jitter: .none, withinMilliseconds: 21_600_000))
        #expect(definition.failureState?.name == "failed")
        #expect(definition.variable("api_key")?.isSecret == true)
        #expect(definition.variable("token_expires_in")?.kinds == [.integer, .null])
    }

    @Test
    func `each way round a limit warns of what its calls leave to people and of nothing else, by publishing it`() throws
    {
        let sharedKey = try check("whatsapp-number-shared-key")
        #expect(sharedKey.problems.isEmpty)
        let subOrganisation = try check("whatsapp-number-sub-organisation")
        #expect(subOrganisation.problems.map(\.code.rawValue) == ["W307", "W309"])
        for check in [sharedKey, subOrganisation] {
            let definition = try #require(check.workflow).definition
            #expect(definition.key.source == "${input.number}")
            #expect(definition.failureState?.name == "failed" && definition.state("active") != nil)
        }
    }

    @Test
    func `the shared key creates nothing, and the sub-organisation is the number's own, by looking at their requests`()
        throws
    {
        let sharedKey = try #require(check("whatsapp-number-shared-key").workflow).definition
        let calls = sharedKey.states.compactMap { call(sharedKey, $0.name) }
        #expect(Set(calls.map(\.path.source)) == ["/auth/token", "/api/accounts/start"])
        #expect(calls.map(\.isRepeatable) == [true, true])
        #expect(sharedKey.secrets == ["wpp_api_key"])
        let subOrganisation = try #require(check("whatsapp-number-sub-organisation").workflow).definition
        let create = try #require(call(subOrganisation, "requested"))
        #expect(!create.isRepeatable)
        let reads = create.references(with: try #require(subOrganisation.service("wpp")))
        #expect(reads.contains { $0.root == "run" && $0.path == ["organisation"] })
        #expect(reads.contains { $0.root == "input" && $0.path == ["number"] })
    }

    private func check(_ name: String) throws -> WorkflowCheck {
        WorkflowFile.check(try Samples.shipped(name), name: "\(name).yaml", mode: .publish)
    }

    private func call(_ definition: Definition, _ state: String) -> CallDefinition? {
        guard case .call(let call)? = definition.state(state)?.action else { return nil }
        return call
    }
}
