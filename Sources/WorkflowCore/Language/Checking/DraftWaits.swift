/// A signal, which is a fact from outside, as far as it could be read.
struct DraftSignal {
    let name: String
    let path: DefinitionPath
    var origin: SignalOrigin?
    var hasVerify = false
    /// nil when the file does not say what the signal carries.
    var body: [DraftField]?
}

struct DraftAwait {
    let signal: Located<String>
    let path: DefinitionPath
    var save: [DraftTemplate] = []
    var next: Located<String>?
}

struct DraftReconcile {
    let path: DefinitionPath
    var call: DraftState.Call?
    var items: Expression?
    var condition: Expression?
    var afterMilliseconds: Int64?
    var effectWithinMilliseconds: Int64?
    var looks = LookUpCount()
    var filter: LookUpFilter?
    var pages: LookUpPages?
    var withinMilliseconds: Int64?
    var save: [DraftTemplate] = []
    var one = ReconcileOne.adopt
    var none = ReconcileNone.hold
}

/// How runs of an older version move to this version.
struct DraftMove {
    let path: DefinitionPath
    var from: Located<Int>?
    var states: [(old: String, new: Located<String>)] = []
    var data: [DraftTemplate] = []
}
