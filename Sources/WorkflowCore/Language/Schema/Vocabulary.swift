/// Every keyword of the language, per mapping: the one place that says what exists, what this engine runs and what
/// a value looks like. The reader takes its keys from here, and the schema for editors is written from it.
enum Vocabulary {
    enum Support: Sendable {
        case runs
        /// Part of the language: warned about at check, refused at publish.
        case notYet
    }

    struct Keyword: Sendable {
        let name: String
        let support: Support
        let isRequired: Bool
        let form: Form
        /// What an editor shows.
        let note: String
        /// A value that asks nothing of the engine, so that a keyword which the engine does not run may have it.
        let harmlessWord: String?

        static func required(_ name: String, _ form: Form, _ note: String) -> Keyword {
            Keyword(name: name, support: .runs, isRequired: true, form: form, note: note, harmlessWord: nil)
        }

        static func optional(_ name: String, _ form: Form, _ note: String) -> Keyword {
            Keyword(name: name, support: .runs, isRequired: false, form: form, note: note, harmlessWord: nil)
        }

        static func notYet(_ name: String, _ form: Form, _ note: String, unless word: String? = nil) -> Keyword {
            Keyword(name: name, support: .notYet, isRequired: false, form: form, note: note, harmlessWord: word)
        }

        func isRun(with value: JSONValue) -> Bool {
            support == .runs || harmlessWord.map { value.stringValue == $0 } == true
        }
    }

    /// A mapping with a closed set of keys.
    struct Shape: Sendable {
        /// What messages call it; no two shapes share one.
        let title: String
        let keywords: [Keyword]
        /// Exactly one of these keys.
        let exactlyOne: [String]
        /// At least one of these keys.
        let atLeastOne: [String]
        /// Further keys, from names that the author chooses.
        let others: Others?

        struct Others: Sendable {
            let style: NameStyle
            let form: Form
        }

        init(
            _ title: String, _ keywords: [Keyword], exactlyOne: [String] = [], atLeastOne: [String] = [],
            others: Others? = nil
        ) {
            self.title = title
            self.keywords = keywords
            self.exactlyOne = exactlyOne
            self.atLeastOne = atLeastOne
            self.others = others
        }

        func keyword(_ name: String) -> Keyword? { keywords.first { $0.name == name } }
    }

    /// What a value looks like, as far as one value alone tells it.
    indirect enum Form: Sendable {
        /// The version of the language.
        case one
        case text
        case name(NameStyle)
        case flag
        case integer(ClosedRange<Int64>)
        case number(ClosedRange<Int64>?)
        case duration
        /// `30/1m`.
        case rate
        /// Text with `${ }`; a number or a boolean stands for itself.
        case template
        /// An expression without `${ }`.
        case condition
        case choice([String])
        /// `403` or `4xx`.
        case status
        /// `METHOD service:/path`.
        case request
        /// Any value but null, whose texts are templates.
        case tree
        /// Such a value of a query or a form: one value or a list of them, null included.
        case single
        case any
        case mapping(Shape)
        case names(NameStyle, Form)
        case list(Form)
        /// A list of at least one.
        case filledList(Form)
        /// One value or a list of them.
        case oneOrMore(Form)
        case either([Form])
    }

    /// The editor's note on a duration that has a standard value.
    static func note(_ text: String, standard milliseconds: Int64) -> String {
        "\(text); \(DurationText.text(milliseconds))."
    }

    /// Keys of dsl 2, refused wherever a keyword may stand.
    static let reserved = ["run", "each", "parallel", "schedule", "exchange", "extends"]
}
