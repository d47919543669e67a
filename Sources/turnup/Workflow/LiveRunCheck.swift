import EventStore
import WorkflowCore
import WorkflowFiles

/// How the live and held runs of a workflow would fare with a definition file.
struct LiveRunCheck {
    /// Runs of one version in one state that fare alike.
    struct Group: Hashable {
        let fate: String
        let version: Int
        let state: String
        let text: String
    }

    struct Members {
        var count = 0
        /// The oldest of them.
        var runs: [Identifier] = []
    }

    static let shownRuns = 10
    private static let pageRuns = 500

    let file: String
    let workflow: String
    let version: Int
    private(set) var groups: [Group: Members] = [:]
    private(set) var problems: [WorkflowProblem] = []

    var count: Int { groups.values.reduce(0) { $0 + $1.count } }

    /// Nil when the file does not say which workflow it is.
    init?(file: String, check: WorkflowCheck, session: Session) async throws {
        guard let tree = check.tree, var plan = MovePlan(of: tree) else { return nil }
        self.file = file
        workflow = plan.workflow
        version = plan.version
        let bytes = try WorkflowSource.bytes(file)
        var unset: [MovePlan.Fate: [String: Int]] = [:]
        var last: Identifier?
        while true {
            let page = try await session.store.liveRuns(workflow: workflow, after: last, limit: Self.pageRuns)
            for run in page {
                switch run.folded {
                case .failure(let error):
                    add(run, WorkflowTexts.wouldBreak, WorkflowTexts.unreadableEvents(error.message))
                case .success(let state):
                    let fate = plan.fate(of: state)
                    add(run, fate.name, Self.text(fate, version: version))
                    if case .unset = fate { unset[fate, default: [:]][state.state, default: 0] += 1 }
                }
            }
            guard let end = page.last?.id else { break }
            last = end
        }
        let found = unset.flatMap { fate, states in
            states.compactMap { plan.problem(fate, state: $0.key, count: $0.value) }
        }
        problems = WorkflowFile.placed(found, in: bytes, name: file)
        problems += try await session.changes(tree, file, bytes)
    }

    private mutating func add(_ run: LiveRun, _ fate: String, _ text: String) {
        let group = Group(fate: fate, version: run.version, state: run.state, text: text)
        groups[group, default: Members()].count += 1
        if groups[group, default: Members()].runs.count < Self.shownRuns { groups[group]?.runs.append(run.id) }
    }

    private static func text(_ fate: MovePlan.Fate, version: Int) -> String {
        switch fate {
        case .follows(let state): WorkflowTexts.goesOn(in: state)
        case .stays(let reason): reason
        case .stranded: WorkflowTexts.noState(version: version)
        case .unset(let variable, let arrival, let reader):
            WorkflowTexts.noValue(variable, arrival: arrival, reader: reader)
        }
    }

    /// What breaks comes first.
    private var ordered: [(key: Group, value: Members)] {
        let places = [WorkflowTexts.wouldBreak: 0, "follows": 1, "stays": 2]
        return groups.sorted {
            (places[$0.key.fate] ?? 3, $0.key.version, $0.key.state, $0.key.text)
                < (places[$1.key.fate] ?? 3, $1.key.version, $1.key.state, $1.key.text)
        }
    }

    var lines: [String] {
        var lines = [WorkflowTexts.against(file, workflow, version: version, runs: count)]
        for (group, members) in ordered {
            lines.append(
                WorkflowTexts.group(
                    members.count, group.fate, version: group.version, state: group.state, group.text))
            lines += members.runs.map { "    \($0)" }
            if members.count > members.runs.count {
                lines.append(WorkflowTexts.more(members.count - members.runs.count))
            }
        }
        return lines.map(Table.visible)
    }

    var json: JSONValue {
        let items = ordered.map { group, members in
            JSONValue.object(
                JSONObject([
                    ("fate", .string(group.fate.replacing(" ", with: "_"))), ("runs", .integer(members.count)),
                    ("version", .integer(group.version)), ("state", .string(group.state)),
                    ("reason", .string(group.text)),
                    ("run_ids", .array(members.runs.map { .string($0.description) })),
                ]))
        }
        return .object(
            JSONObject([
                ("file", .string(file)), ("workflow", .string(workflow)), ("version", .integer(version)),
                ("live_runs", .integer(count)), ("groups", .array(items)),
            ]))
    }
}
