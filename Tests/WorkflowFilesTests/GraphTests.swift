import Testing
import WorkflowCore
import WorkflowFiles

@Suite("Graphs")
struct GraphTests {
    private func graph(_ text: String, _ name: String) throws -> WorkflowGraph {
        WorkflowGraph(try #require(WorkflowFile.check(text, name: name).tree))
    }

    @Test
    func `the flagship of the reference is drawn with its ways and what happens on them, by the whole Mermaid text`()
        throws
    {
        let drawn = try graph(Samples.reference, "whatsapp-number.yaml").mermaid()
        #expect(
            drawn == #"""
                stateDiagram-v2
                    state "requested" as s1
                    state "client-created" as s2
                    state "qr-pending" as s3
                    state "token-pending" as s4
                    state "active" as s5
                    state "failed" as s6
                    [*] --> s1
                    s1 --> s2
                    s2 --> s3
                    s2 --> s4 : catch key_not_active
                    s3 --> s5 : signal qr_scanned
                    s4 --> s3
                    s5 --> [*] : succeeded
                    s6 --> [*] : failed
                    note right of s1
                        POST gateway#58;/clients
                        look up GET gateway#58;/clients
                        undo DELETE gateway#58;/clients/#36;#123;data.client_id#125;
                    end note
                    note right of s2
                        POST gateway#58;/auth/token
                    end note
                    note right of s3
                        GET gateway#58;/clients/#36;#123;data.client_id#125;/qr
                        deadline 1d
                    end note
                    note right of s4
                        POST gateway#58;/auth/token
                        retry key_not_active#58; activation, 5s up to 1m, for 2h
                    end note
                    note right of s6
                        every error that nothing catches
                    end note

                """#)
    }

    @Test func `the shipped flagship is drawn, by the whole Mermaid text`() throws {
        let text = String(decoding: try Samples.shipped("whatsapp-number"), as: UTF8.self)
        let drawn = try graph(text, "whatsapp-number.yaml").mermaid()
        #expect(
            drawn == #"""
                stateDiagram-v2
                    state "requested" as s1
                    state "client-created" as s2
                    state "token-pending" as s3
                    state "active" as s4
                    state "failed" as s5
                    [*] --> s1
                    s1 --> s2
                    s2 --> s3
                    s3 --> s4
                    s4 --> [*] : succeeded
                    s5 --> [*] : failed
                    note right of s1
                        Creating the client
                        POST wpp#58;/api/integrations/wpp/create
                    end note
                    note right of s2
                        Client created
                    end note
                    note right of s3
                        Waiting until the key works
                        POST wpp#58;/auth/token
                        retry key_not_active#58; activation, 1s up to 1m, for 6h
                        retry transient, http.500, bad_answer#58; outage, 2s up to 1m, for 6h
                    end note
                    note right of s5
                        every error that nothing catches
                    end note

                """#)
    }

    @Test func `branches and Graphviz, by the whole text of a small file`() throws {
        let text = Samples.small(
            "    next: done\n", "    choose: [{when: \"data.answer == 'a \\\"b\\\"'\", next: done}, {next: failed}]\n")
        let drawn = try graph(text, "small.yaml").dot()
        #expect(
            drawn == #"""
                digraph "small" {
                    rankdir=TB;
                    node [shape=box, style=rounded, fontname="sans-serif", fontsize=11];
                    edge [fontname="sans-serif", fontsize=9];
                    "" [shape=point];
                    "ask" [label="ask\nGET api:/things\nretry busy: patient, 1s up to 1m, for 2h"];
                    "tell" [label="tell\nPUT api:/things/${run.id}\nhold on busy"];
                    "done" [label="done", peripheries=2];
                    "failed" [label="failed\nevery error that nothing catches", peripheries=2];
                    "" -> "ask";
                    "ask" -> "tell" [label=""];
                    "tell" -> "done" [label="data.answer == 'a \"b\"'"];
                    "tell" -> "failed" [label="otherwise"];
                }

                """#)
    }

    @Test
    func `text that Mermaid or Graphviz would read as syntax is escaped, by a title and a condition full of it`() throws
    {
        let text = Samples.small("  ask:\n", "  ask:\n    title: 'a;b: \"c\" <d> # \\ end note {e} [*] --> f'\n")
        let mermaid = try graph(text, "small.yaml").mermaid()
        #expect(
            mermaid.contains(
                "\n        a#59;b#58; #34;c#34; #60;d#62; #35; #92; end#32;note #123;e#125; #91;#42;#93; --#62; f\n"))
        #expect(mermaid.split(separator: "\n").count { $0 == "    end note" } == 3)
        #expect(try graph(text, "small.yaml").dot().contains(#"a;b: \"c\" <d> # \\ end note {e} [*] --> f\n"#))
    }

    @Test func `any readable file can be drawn, by the whole corpus`() throws {
        for file in CorpusFile.broken + CorpusFile.valid {
            guard let tree = try file.check().tree else { continue }
            let graph = WorkflowGraph(tree)
            #expect(graph.states.count == tree["states"]?.objectValue?.count)
            for edge in graph.edges { #expect(graph.states.contains { $0.name == edge.to }) }
            #expect(graph.mermaid().hasPrefix("stateDiagram-v2\n"))
        }
    }
}
