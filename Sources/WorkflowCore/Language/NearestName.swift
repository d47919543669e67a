/// Guesses which existing name was meant by a misspelt one, so that one slip is one problem.
///
/// It gives up after some guesses: they take time, and nobody reads the hundredth hint.
struct NameGuesses {
    private var left = 200

    /// The name itself when it exists, else the nearest one that does.
    mutating func meant(by name: String, among names: [String]) -> String? {
        if names.contains(name) { return name }
        guard left > 0 else { return nil }
        left -= 1
        return NearestName.of(name, among: names)
    }
}

/// Finds the name that somebody probably meant.
enum NearestName {
    private static let maximumLength = 64

    /// The closest of the names, if it is close enough to be a slip; the first in order of name among equals.
    static func of(_ name: String, among names: some Sequence<String>) -> String? {
        let wanted = Array(name.unicodeScalars)
        guard wanted.count <= maximumLength else { return nil }
        let allowed = min(3, max(1, wanted.count / 3))
        var best: (distance: Int, name: String)?
        for candidate in names.sorted() where candidate != name {
            let scalars = Array(candidate.unicodeScalars)
            guard scalars.count <= maximumLength, abs(scalars.count - wanted.count) <= allowed else { continue }
            let distance = distance(wanted, scalars)
            if distance <= allowed, distance < best?.distance ?? .max { best = (distance, candidate) }
        }
        return best?.name
    }

    /// Levenshtein's distance, where swapping two neighbours counts as one slip.
    private static func distance(_ left: [Unicode.Scalar], _ right: [Unicode.Scalar]) -> Int {
        guard !left.isEmpty, !right.isEmpty else { return max(left.count, right.count) }
        var before: [Int] = []
        var previous = Array(0...right.count)
        for i in 1...left.count {
            var row = [i]
            for j in 1...right.count {
                let replace = previous[j - 1] + (left[i - 1] == right[j - 1] ? 0 : 1)
                var cost = min(replace, previous[j] + 1, row[j - 1] + 1)
                if i > 1, j > 1, left[i - 1] == right[j - 2], left[i - 2] == right[j - 1] {
                    cost = min(cost, before[j - 2] + 1)
                }
                row.append(cost)
            }
            before = previous
            previous = row
        }
        return previous[right.count]
    }
}
