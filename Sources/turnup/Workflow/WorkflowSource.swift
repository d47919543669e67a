import Foundation
import WorkflowCore
import WorkflowFiles

/// Reads definition files for commands.
enum WorkflowSource {
    /// The definitions that come with the program, in the order in which a list shows them.
    private static let shippedFiles: [(workflow: String, bytes: [UInt8])] = [
        ("whatsapp-number", PackageResources.whatsapp_number_yaml),
        ("whatsapp-number-shared-key", PackageResources.whatsapp_number_shared_key_yaml),
        ("whatsapp-number-sub-organisation", PackageResources.whatsapp_number_sub_organisation_yaml),
    ]

    static var shippedNames: [String] { shippedFiles.map(\.workflow) }

    /// A file, or the name of a definition that comes with the program where no such file is.
    static func check(_ path: String, mode: DefinitionMode) throws -> WorkflowCheck {
        WorkflowFile.check(try bytes(path), name: shippedFile(path) == nil ? path : path + ".yaml", mode: mode)
    }

    static func bytes(_ path: String) throws -> [UInt8] {
        if let shipped = shippedFile(path) { return shipped.bytes }
        do { return Array(try InputFile.read(path)) } catch let failure as CommandFailure {
            guard !path.contains(where: { $0 == "." || $0 == "/" }) else { throw failure }
            throw CommandFailure.badInput(
                failure.message, hint: WorkflowTexts.shipped(shippedNames))
        }
    }

    /// Whether a word means a file, and not the name of a published definition.
    static func isFile(_ name: String) -> Bool {
        name.hasSuffix(".yaml") || name.hasSuffix(".yml") || name.contains("/")
    }

    private static func shippedFile(_ path: String) -> (workflow: String, bytes: [UInt8])? {
        FileManager.default.fileExists(atPath: path) ? nil : shippedFiles.first { $0.workflow == path }
    }

    /// The first of the definitions that come with the program.
    static func shipped() throws -> LoadedWorkflow {
        let check = WorkflowFile.check(
            PackageResources.whatsapp_number_yaml, name: "whatsapp-number.yaml", mode: .publish)
        guard let workflow = check.workflow else {
            throw WorkflowTexts.brokenShipped("\(check.problems)")
        }
        return workflow
    }
}
