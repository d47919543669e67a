import Foundation
import Vault
import WorkflowCore

/// Whether a list goes on after a page, and where.
struct Pages {
    enum Rest: Equatable {
        case last
        /// The path with its query, the cursor or the number of the next page.
        case next(String)
        /// There is more, and it cannot be read.
        case unclear(String)
    }

    static let longestNext = 2048

    let pages: LookUpPages?
    let action: Action
    let scope: ExpressionScope

    init(_ pages: LookUpPages?, _ action: Action, _ scope: ExpressionScope) {
        self.pages = pages
        self.action = action
        self.scope = scope
    }

    func after(_ answer: Answer, listed: Int) -> Rest {
        switch pages?.way {
        case nil, .whole:
            Self.hint(in: answer).map { .unclear("the list goes on (\($0)), and \"pages\" does not say how") } ?? .last
        case .link: linked(answer)
        case .cursor(_, let next): cursor(next)
        case .number(_, let first):
            listed == 0 ? .last : .next("\((action.page.flatMap { Int($0.next) } ?? first) + 1)")
        }
    }

    private func cursor(_ next: WorkflowCore.Expression) -> Rest {
        let value: ExpressionValue
        do throws(ExpressionError) { value = try next.evaluate(scope) } catch { return .last }
        guard case .plain(let plain) = value else { return .unclear("the cursor is a secret") }
        if plain.isNull || plain == .bool(false) || plain == .string("") { return .last }
        guard let text = Renderer.text(of: plain) else { return .unclear("the cursor is \(plain.typeName)") }
        return checked(text)
    }

    /// The target of `rel="next"` (RFC 8288), which must be of the same service.
    private func linked(_ answer: Answer) -> Rest {
        guard let links = LinkHeader.links(in: answer) else { return .unclear("the Link header cannot be read") }
        guard let target = links.first(where: { $0.relations.contains("next") })?.target else {
            return endsHere(links) ? .last : .unclear("the list's last page is another one, and no link leads there")
        }
        guard let base = requestURL, let url = URL(string: target, relativeTo: base),
            let parts = URLComponents(url: url.absoluteURL, resolvingAgainstBaseURL: true)
        else { return .unclear("the link to the next page cannot be read") }
        guard parts.scheme?.lowercased() == base.scheme?.lowercased(),
            parts.host?.lowercased() == base.host?.lowercased(),
            Self.port(parts.port, base) == Self.port(base.port, base)
        else { return .unclear("the next page is on another host") }
        return checked(parts.percentEncodedPath + (parts.percentEncodedQuery.map { "?\($0)" } ?? ""))
    }

    /// Without a next page the last one, where it is named, is this one, or the only one.
    private func endsHere(_ links: [LinkHeader.Link]) -> Bool {
        guard let last = links.first(where: { $0.relations.contains("last") })?.target else { return true }
        if last == links.first(where: { $0.relations.contains("first") })?.target { return true }
        guard let base = requestURL else { return false }
        return URL(string: last, relativeTo: base)?.absoluteURL == base.absoluteURL
    }

    /// The address that was asked, which a relative link starts from.
    private var requestURL: URL? {
        do {
            let target = try TargetURL.parse(action.target.baseURL)
            return URL(
                string: try Renderer(action: action, scope: scope, frozenScope: scope, userAgent: "").render(to: target)
                    .url)
        } catch { return nil }
    }

    private static func port(_ port: Int?, _ base: URL) -> Int {
        port ?? (base.scheme?.lowercased() == "https" ? 443 : 80)
    }

    /// It will stand in the history and in an address, so it must be short, plain and free of secrets.
    private func checked(_ text: String) -> Rest {
        guard text.utf8.count <= Self.longestNext, !text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) else {
            return .unclear("what leads to the next page is too long, or no text")
        }
        let known = action.scope.known.map(\.secret)
        guard Masker(known).mask(text) == text else { return .unclear("what leads to the next page holds a secret") }
        return .next(text)
    }

    // MARK: - Lists that are longer than the definition knows

    private static let names: Set = [
        "next", "next_cursor", "nextcursor", "next_page", "nextpage", "next_page_token", "nextpagetoken", "next_url",
        "has_more", "hasmore", "has_next", "hasnext",
    ]

    /// What in the answer says that there are further pages.
    private static func hint(in answer: Answer) -> String? {
        guard let links = LinkHeader.links(in: answer) else { return "a Link header that cannot be read" }
        if links.contains(where: { $0.relations.contains("next") }) { return "Link: rel=\"next\"" }
        guard case .json(.object(let body)) = answer.body else { return nil }
        let around = ["meta", "pagination", "paging", "page_info", "pageInfo", "links", "_links"]
        let objects = [("", body)] + around.compactMap { name in body[name]?.objectValue.map { ("\(name).", $0) } }
        for (prefix, object) in objects {
            for (name, value) in object.members where names.contains(name.lowercased()) {
                if value.isNull || value == .bool(false) || value == .string("") { continue }
                return prefix + name
            }
        }
        return nil
    }
}
