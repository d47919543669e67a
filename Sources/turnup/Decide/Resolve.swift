import ArgumentParser
import EventStore
import Vault
import WorkflowCore

struct Resolve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Decide what becomes of a held run.",
        discussion: """
            "turnup show RUN" prints the evidence and the choices as commands.

            Examples:
              turnup resolve 0192f0c1 --done session=s-1 --secret api_key=@key.txt --reason 'seen in their console'
              turnup resolve 0192f0c1 --late-answer --reason 'nothing else was made'
              turnup resolve 0192f0c1 --adopt 2 --reason 'the second one is ours'
              turnup resolve --workflow whatsapp-number --error timeout --retry-anyway --reason 'none of them arrived'

            Values are taken as the types that the workflow declares. A secret comes from a file, or from standard input \
            with @-, never from the command line; it is sealed and shown as a fingerprint.
            """)

    @Argument(
        help: ArgumentHelp(
            "The runs' ids or their beginnings; with --done and --adopt values, too.",
            valueName: "run|name=value")) var arguments: [String] = []
    @Option(
        defaultAsFlag: Find.theOnlyOne, parsing: .next,
        help: ArgumentHelp("What the look-up found is ours; with several: which, from 1.", valueName: "number"))
    var adopt: Find?
    @Flag(help: "A person has seen to it; values stand for what the lost answer would have given.") var done = false
    @Option(help: ArgumentHelp("With --done and --adopt: a secret variable, from a file.", valueName: "name=@file"))
    var secret: [String] = []
    @Flag(
        name: .customLong("late-answer"),
        help: "The answer that came late is the one: its values, plain and sealed, are taken.")
    var lateAnswer = false
    @Flag(help: "Try again what failed, as far as that is harmless.") var retry = false
    @Flag(name: .customLong("retry-anyway"), help: "Send again what may have worked: there may be two of it then.")
    var retryAnyway = false
    @Flag(help: "Give up: the run fails.") var abandon = false
    @OptionGroup var options: OperatorActionOptions

    /// Which of the finds it is.
    struct Find: ExpressibleByArgument, CustomStringConvertible {
        /// From 1; nil: there is only one.
        let number: Int?

        static let theOnlyOne = Find(number: nil)

        init(number: Int?) { self.number = number }

        init?(argument: String) {
            // Checked later: what is refused here would be taken for a run.
            guard let number = Int(argument) else { return nil }
            self.number = number
        }

        var description: String { number.map(String.init) ?? DecideTexts.theOnlyOne }
    }

    private var runs: [String] { arguments.filter { !$0.contains("=") } }
    private var values: [String] { arguments.filter { $0.contains("=") } }

    private var choices: [HoldChoice] {
        let given: [(Bool, HoldChoice)] = [
            (adopt != nil, .adopt), (done, .done), (retry, .retry), (retryAnyway, .retryAnyway), (abandon, .abandon),
        ]
        return given.filter(\.0).map(\.1)
    }

    func validate() throws {
        guard choices.count + (lateAnswer ? 1 : 0) == 1 else {
            throw DecideTexts.oneDecision
        }
        if let number = adopt?.number, number < 1 { throw DecideTexts.findsFromOne }
        try options.check(named: runs)
        guard !values.isEmpty || !secret.isEmpty else { return }
        if choices != [.done], choices != [.adopt] { throw DecideTexts.valuesNeedDecision }
        if runs.count != 1 { throw DecideTexts.valuesOfOneRun }
    }

    func run() async throws {
        guard let choice = choices.first else { return try await takeLateAnswer() }
        let secrets = try SecretValue.files(secret)
        let verb = OperatorAction(
            name: "resolve", statuses: [.held], sealsSecrets: !secrets.isEmpty, saysLeftBehind: choice == .abandon
        ) { state, definition, vault, _ in
            let values = try TypedArguments.variables(values, definition)
            let sealed = try secrets.compactMap { name, secret in
                try vault.map { try Self.seal(secret, name, state, definition, $0) }
            }
            let event = try state.resolving(
                choice, reason: options.reasonText, definition, values: values, sealed: sealed.map(\.reference),
                candidate: adopt?.number)
            return OperatorAction.Act(event: event, sealed: sealed)
        }
        try await verb.run(runs, options)
    }

    private func takeLateAnswer() async throws {
        let reason = options.reasonText
        let verb = OperatorAction(name: "resolve", statuses: [.held], sealsSecrets: true) {
            state, definition, vault, store in
            let event = try state.resolvingLateAnswer(reason: reason, definition)
            var sealed: [SealedSecret] = []
            for late in state.offeredLateAnswer?.sealed ?? [] {
                let place = SecretPlace(
                    scope: .run, scopeId: state.id.description, name: late.name, version: late.version)
                guard let vault, let kept = try await store.secretVersion(place) else {
                    throw DecideTexts.lateSecretGone(late.name)
                }
                let taken = state.reference(toLate: late)
                sealed.append(try vault.resealed(kept, name: taken.name, version: taken.version))
            }
            return OperatorAction.Act(event: event, sealed: sealed)
        }
        try await verb.run(runs, options)
    }

    private static func seal(
        _ secret: Secret, _ name: String, _ state: RunState, _ definition: Definition, _ vault: Vault
    ) throws -> SealedSecret {
        guard let field = definition.variable(name) else { throw TypedArguments.unknown(name, definition) }
        guard field.isSecret else { throw DecideTexts.notSecret(name) }
        if let problem = field.problem(with: .string(secret.revealText())) {
            throw CommandFailure.badInput("secret \(problem)")
        }
        return try vault.seal(
            secret,
            at: SecretPlace(
                scope: .run, scopeId: state.id.description, name: name, version: state.nextVersion(ofSecret: name)))
    }
}
