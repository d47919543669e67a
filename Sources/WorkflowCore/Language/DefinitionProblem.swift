/// Something wrong with a definition, with the place in its tree.
public struct DefinitionProblem: Sendable, Hashable {
    public enum Severity: String, Sendable {
        case error, warning
    }

    public let path: DefinitionPath
    public let spot: DefinitionPath.Spot
    public let code: ProblemCode
    /// One line, without the hint.
    public let message: String
    /// Where the thing in question is declared, when that helps.
    public let declaredAt: DefinitionPath?
    /// What to do about it.
    public let hint: String?

    public init(
        path: DefinitionPath, spot: DefinitionPath.Spot = .value, code: ProblemCode, message: String,
        declaredAt: DefinitionPath? = nil, hint: String? = nil
    ) {
        self.path = path
        self.spot = spot
        self.code = code
        self.message = message
        self.declaredAt = declaredAt
        self.hint = hint
    }
}

/// The stable codes of the rules. E refuses, W warns; a W with the number of an E is its milder form.
public enum ProblemCode: String, Sendable, CaseIterable {
    case notYAML = "E100"
    case unknownKey = "E101"
    case wrongType = "E102"
    case reservedWord = "E103"
    case notRunYet = "E104"
    case notRunYetWarning = "W104"
    case expression = "E105"

    case unknownName = "E201"
    case noStart = "E202"
    case unreachableState = "E203"
    case noWayToEnd = "E204"
    case missingEnd = "E205"
    case unsetVariable = "E206"
    case wrongExit = "E207"
    case busyCycle = "E208"
    case neverUsed = "W209"

    case unsafeResend = "E301"
    case shadowedEntry = "E302"
    case endlessRetry = "E303"
    case windowBeyondDeadline = "E304"
    case undeclaredVariable = "E305"
    case undoOfUnsaved = "E306"
    case lostAnswerWaits = "W307"
    case endlessAwait = "W308"
    case nothingUndone = "W309"
    case lookUpOfNobody = "W311"
    case lookUpOfOnePage = "W312"
    case changingUnderKey = "E313"
    case undoNotSeen = "E314"
    case namelessThing = "W315"
    case hastyLooks = "W316"
    case unsafeLostConnection = "E317"
    case strangersKey = "E318"
    case learnedWithoutWindow = "E321"
    case learnedInVain = "W322"

    case secretInOutput = "E401"
    case secretInURL = "E402"
    case secretInPlainData = "E403"
    case plainCredential = "W403"
    case secretCompared = "E404"
    case undeclaredSecret = "E405"
    case unverifiedWebhook = "E406"
    case literalCredential = "W407"

    case alreadyPublished = "E501"
    case brokenMove = "E502"
    case stricterInput = "W503"

    public var severity: DefinitionProblem.Severity { rawValue.hasPrefix("W") ? .warning : .error }
}
