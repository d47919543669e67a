import ArgumentParser

struct WorkflowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "workflow", abstract: "Check, publish, list and draw definitions.",
        discussion: """
            A definition is a YAML file; its name equals the file's. Those that come with the program are checked and \
            published by their name alone.

            Example:
              turnup workflow check workflows/whatsapp-number.yaml
              turnup workflow publish workflows/whatsapp-number.yaml
              turnup workflow graph workflows/whatsapp-number.yaml --to svg > number.svg
              turnup workflow schema > turnup.schema.json
            """,
        subcommands: [
            Check.self, Publish.self, List.self, Show.self, Graph.self, Schema.self, Export.self, Import.self,
        ])
}
