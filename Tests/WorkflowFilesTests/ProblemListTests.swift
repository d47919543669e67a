import Testing
import WorkflowCore
import WorkflowFiles

@Suite("Lists of problems")
struct ProblemListTests {
    private func problem(_ file: String, _ line: Int) -> WorkflowProblem {
        WorkflowProblem(
            file: file, position: SourcePosition(line: line, column: 1), code: .wrongType, message: "wrong")
    }

    @Test func `problems are printed by file and place, by giving them mixed`() {
        let lines = ProblemList.lines([problem("b", 10), problem("a", 3), problem("b", 9), problem("a", 2)])
        #expect(
            lines == ["a:2:1: E102 wrong.", "a:3:1: E102 wrong.", "b:9:1: E102 wrong.", "b:10:1: E102 wrong."])
    }

    @Test func `each file prints a hundred problems and the number of the others, by 103 in one of two files`() {
        let lines = ProblemList.lines((1...103).map { problem("a", $0) } + [problem("b", 1)])
        #expect(lines.count == 102)
        #expect(lines[99] == "a:100:1: E102 wrong.")
        #expect(lines[100] == "a: … and 3 more")
        #expect(lines[101] == "b:1:1: E102 wrong.")
    }
}
