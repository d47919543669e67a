import Foundation

/// What a redirect says of the request that it answers. None is ever followed.
enum Redirect {
    /// Whether the platform has done nothing: it asks for the same request at another place (307 and 308, RFC 9110 section
    /// 15.4), or says that the same path is written otherwise. Any other may mean that it has worked: a 303 after POST
    /// usually does.
    static func isRefusal(_ answer: Answer, asked url: String) -> Bool {
        switch answer.status {
        case 307, 308: true
        case 301, 302: answer.header("location").map { isSamePath($0, url) } ?? false
        default: false
        }
    }

    /// Only scheme, host or a slash at the end differ.
    private static func isSamePath(_ location: String, _ url: String) -> Bool {
        guard let asked = URLComponents(string: url), let base = URL(string: url),
            let target = URL(string: location, relativeTo: base).flatMap({
                URLComponents(url: $0, resolvingAgainstBaseURL: true)
            })
        else { return false }
        return trimmed(asked.percentEncodedPath) == trimmed(target.percentEncodedPath)
    }

    private static func trimmed(_ path: String) -> Substring {
        var path = path[...]
        while path.hasSuffix("/") { path.removeLast() }
        return path
    }

    /// Where it points: origin and path, without what may hold a token that nobody declared.
    static func shown(_ location: String) -> String {
        guard var parts = URLComponents(string: location) else { return "(unreadable)" }
        parts.query = nil
        parts.fragment = nil
        parts.user = nil
        parts.password = nil
        return parts.string ?? "(unreadable)"
    }
}
