import Foundation

extension Behaviour {
    /// This behaviour with some knobs changed, as the control port and a command line give them.
    ///
    /// `patch` is a JSON object of knobs. `null` puts a knob back to its default; `"preset"` starts from that
    /// preset instead of from the present behaviour.
    /// - Throws: `SimulatorError.invalidSetting` with what is wrong.
    public func patched(with patch: String) throws -> Behaviour {
        do {
            var changes = try JSONDecoder().decode([String: JSONField].self, from: Data(patch.utf8))
            var base = self
            if let name = changes.removeValue(forKey: "preset") {
                guard case .text(let text) = name, let preset = Preset(rawValue: text) else {
                    let known = Preset.allCases.map(\.rawValue).joined(separator: ", ")
                    throw SimulatorError.invalidSetting("unknown preset; known are: \(known)")
                }
                base = preset.behaviour
            }
            var knobs = try JSONDecoder().decode([String: JSONField].self, from: JSONEncoder().encode(base))
            for (name, value) in changes { knobs[name] = value }
            return try JSONDecoder().decode(Behaviour.self, from: JSONEncoder().encode(knobs))
        } catch let error as DecodingError {
            throw SimulatorError.invalidSetting(error.sentence)
        }
    }
}

func exponential(_ generator: inout SplitMix64) -> Double {
    -log(1 - generator.unit())
}
