public import WorkflowCore

/// How large an input may be. SQL decides, by the length of the text that it keeps; an input that is surely too large
/// is refused before it is sent. Large things belong elsewhere: an input stays in the history for good, and is read
/// with every step.
public enum InputLimit {
    /// 256 KiB.
    public static let bytes = 256 << 10
    public static let hint = "Keep large things elsewhere, and give the run their address."

    /// Why an input is too large; nil when it is not.
    public static func problem(with input: JSONObject) -> String? {
        var text: [UInt8] = []
        JSONValue.object(input).serialized(into: &text)
        return problem(bytes: text.count)
    }

    /// The same for a text.
    public static func problem(bytes count: Int) -> String? {
        count > bytes ? "the input has \(count) bytes; it may have \(bytes) (\(bytes >> 10) KiB)" : nil
    }
}
