import Foundation
import Synchronization

/// Seeded worlds, one after the other, on all cores.
let options: Options
do {
    options = try Options(Array(CommandLine.arguments.dropFirst()))
} catch {
    FileHandle.standardError.write(Data("\(error)\n".utf8))
    exit(2)
}
exit(await Campaign(options).run())
