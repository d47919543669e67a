import Testing
import WorkflowCore
import WorkflowFiles

@Suite("Graphs")
struct GraphTests {
    private func graph(_ text: String, _ name: String) throws -> WorkflowGraph {
        WorkflowGraph(try #require(WorkflowFile.check(text, name: name).tree))
    }

    @Test("the flagship of the reference is drawn with its ways and what happens on them, by the whole Mermaid text")
    func reference() throws {
        #expect(
            try graph(Samples.reference, "whatsapp-number.yaml").mermaid() == """
                """)
    }

    @Test("the shipped flagship is drawn, by the whole Mermaid text")
    func shipped() throws {
        let text = String(decoding: try Samples.shipped("whatsapp-number"), as: UTF8.self)
        #expect(
            try graph(text, "whatsapp-number.yaml").mermaid() == """
                """)
    }

    @Test("branches and Graphviz, by the whole text of a small file")
    func dot() throws {
        let text = Samples.small(
            "    next: done\n", "    choose: [{when: \"data.answer == 'a \\\"b\\\"'\", next: done}, {next: failed}]\n")
        #expect(
            try graph(text, "small.yaml").dot() == """
                """)
    }

    @Test("text that Mermaid or Graphviz would read as syntax is escaped, by a title and a condition full of it")
    func escaping() throws {
        let text = Samples.small("  ask:\n", "  ask:\n    title: 'a;b: \"c\" <d> # \\ end note {e} [*] --> f'\n")
        let mermaid = try graph(text, "small.yaml").mermaid()
        #expect(
            mermaid.contains(
                "\n        a#59;b#58; #34;c#34; #60;d#62; #35; #92; end#32;note #123;e#125; #91;#42;#93; --#62; f\n"))
        #expect(mermaid.split(separator: "\n").count { $0 == "    end note" } == 4)
        #expect(try graph(text, "small.yaml").dot().contains(#"a;b: \"c\" <d> # \\ end note {e} [*] --> f\n"#))
    }

    @Test("any readable file can be drawn, by the whole corpus")
    func corpus() throws {
        for file in CorpusFile.broken + CorpusFile.valid {
            guard let tree = try file.check().tree else { continue }
            let graph = WorkflowGraph(tree)
            #expect(graph.states.count == tree["states"]?.objectValue?.count)
            for edge in graph.edges { #expect(graph.states.contains { $0.name == edge.to }) }
            #expect(graph.mermaid().hasPrefix("stateDiagram-v2\n"))
        }
    }
}
