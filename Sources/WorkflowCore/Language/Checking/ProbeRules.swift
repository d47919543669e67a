// What probes may send.

extension DraftChecker {
    /// `written`: as the file has them.
    mutating func checkProbeNames(_ written: [DraftProbe]) {
        let names = draft.calls.compactMap(\.name) + draft.states.filter { $0.call != nil }.map(\.name)
        for probe in written {
            guard let name = probe.call, !names.contains(name.value) else { continue }
            report(
                .unknownName, name.path, .value,
                "probe \"\(probe.name)\" names \"\(name.value)\", which is neither a call nor a state with one",
                hint: suggestion(name.value, among: names))
        }
    }

    mutating func checkProbes() {
        for probe in draft.probes {
            if probe.credential?.needsVouching == true, probe.isHarmless == nil {
                report(
                    .strangersKey, probe.path, .name,
                    "probe \"\(probe.name)\" sends \(probe.credential == .older ? "another run's key" : "a key that is made up")"
                        + ", and the file does not say that this is harmless",
                    hint: "say harmless: true where it neither locks an account nor ends another token")
            }
            guard let call = draft.call(of: probe), !call.method.isEmpty else { continue }
            if !call.isRepeatable {
                report(
                    .unsafeResend, probe.call?.path ?? probe.path, .value,
                    "probe \"\(probe.name)\" sends \(call.requestWords), which is not safe to send twice",
                    hint: "probe with a call that is harmless to repeat, such as one that asks for a token")
            }
            guard probe.credential?.needsVouching == true, let built = DefinitionBuilder(draft: draft).build(call)
            else { continue }
            let sent = draft.keys(sentBy: built)
            guard sent.count != 1 else { continue }
            report(
                .strangersKey, probe.call?.path ?? probe.path, .value,
                "probe \"\(probe.name)\" replaces the run's key, and \(call.requestWords) sends "
                    + (sent.isEmpty ? "none" : "several: \(DefinitionReader.listed(sent.map { "data.\($0)" }))"),
                hint: "the key is the secret variable that a call saves which is not repeatable")
        }
    }
}
