import Foundation
import Testing
import Vault
import WorkflowCore

@Suite struct MaskerTests {
    private let value = "sk/Live+\"é\\7=Q&<z 9'"

    @Test func `a value is masked in every form that programs write it in`() throws {
        let masker = Masker([Secret(value)])
        let json = try String(decoding: JSONEncoder().encode([value]), as: UTF8.self)
        var ascii = ""
        for unit in value.utf16 {
            ascii += unit < 0x7F ? String(UnicodeScalar(UInt8(unit))) : String(format: "\\u%04X", unit)
        }
        let percent = try #require(value.addingPercentEncoding(withAllowedCharacters: .alphanumerics))
        let hex = value.utf8.map { String(format: "%02X", $0) }.joined()
        let texts: [String: String] = [
            "raw": value, "json": json,
            "ascii json": ascii.replacing("\\7", with: "\\\\7").replacing("\"", with: "\\\""),
            "percent": percent, "lower percent": percent.lowercased(),
            "form": percent.replacing("%20", with: "+"), "hex": hex, "lower hex": hex.lowercased(),
            "upper": value.uppercased().replacing("É", with: "é"),
            "html": "sk/Live+&quot;é\\7=Q&amp;&lt;z 9&#39;",
        ]
        for (name, text) in texts {
            let masked = masker.mask("before \(text) after")
            #expect(masked.contains("<masked>"), "\(name)")
            #expect(!masked.lowercased().contains("live"), "\(name): \(masked)")
            #expect(masked.hasPrefix("before ") && masked.hasSuffix(" after"), "\(name)")
        }
    }

    @Test func `a long value and a text that is nearly the same everywhere are compared in seconds`() {
        let masker = Masker([Secret(String(repeating: "a", count: 50_000) + "b")])
        let began = ContinuousClock.now
        _ = masker.mask(String(repeating: "a", count: 100_000))
        #expect(began.duration(to: .now) < .seconds(20))
        #expect(masker.mask("x" + String(repeating: "a", count: 50_000) + "bx").hasPrefix("x<masked>"))
        let usual = Masker([Secret(String(repeating: "a", count: 4000) + "b")])
        #expect(usual.mask("x" + String(repeating: "a", count: 4000) + "bx") == "x<masked>x")
        #expect(masker.mask("x" + String(repeating: "a", count: 200) + "x").count == 202)
    }

    @Test(arguments: 0...6)
    func `base64 and base64url hide the value at every alignment`(offset: Int) {
        let masker = Masker([Secret(value)])
        let plain = String(repeating: "u", count: offset) + value + "tail"
        let standard = Data(plain.utf8).base64EncodedString()
        let url = standard.replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
        let core = Data(value.utf8).base64EncodedString().dropFirst(4).prefix(12)
        for text in [standard, url] {
            let masked = masker.mask("Basic \(text)")
            #expect(masked.contains("<masked>"))
            #expect(masked.count < 30 + offset * 2, "\(masked)")
            #expect(!masked.contains(core))
        }
    }

    @Test func `the longest of several values is masked whole, and overlapping occurrences leave nothing between`() {
        let masker = Masker([Secret("abcdef"), Secret("abcdef-long-tail")])
        #expect(masker.mask("x abcdef-long-tail y abcdef z") == "x <masked> y <masked> z")
        #expect(Masker([Secret("abcabc1abc")]).mask("abcabc1abcabc1abc!") == "<masked>!")
        #expect(Masker([Secret("aaaaaa")]).mask("aaaaaaaaa!") == "<masked>!")
        #expect(Masker([Secret("abcdef"), Secret("ghijkl")]).mask("abcdefghijkl") == "<masked><masked>")
    }

    @Test func `a short value is masked only where it stands alone; an empty one never`() {
        let masker = Masker([Secret("1234"), Secret("ok"), Secret("")])
        #expect(masker.mask("pin=1234, ok") == "pin=<masked>, <masked>")
        #expect(masker.mask("token 91234 is okay at 12345") == "token 91234 is okay at 12345")
        #expect(masker.mask("") == "")
    }

    @Test func `text without a secret stays as it is, scalar for scalar`() {
        let text = "e\u{301} 🔑 \u{0}\u{7F} nothing here"
        #expect(Array(Masker([Secret("sk-123456")]).mask(text).unicodeScalars) == Array(text.unicodeScalars))
        #expect(Masker([]).mask(text) == text)
    }

    @Test func `a value that is no text is still masked in its encodings`() {
        let masker = Masker([Secret(bytes: [0xFF, 0xFE, 0x01, 0x02, 0x03, 0x80, 0x81])])
        #expect(masker.mask("fffe0102038081") == "<masked>")
        #expect(masker.mask("//4BAgOAgQ==").contains("<masked>"))
        #expect(masker.mask("%ff%fe%01%02%03%80%81") == "<masked>")
    }
}
