import Foundation
import Testing

@testable import turnup

@Suite(.timeLimit(.minutes(15))) struct ProgressLineTests {
    @Test(arguments: [
        (120, "[#########           ] 45 %, 45000 rows, 9000 a second, 7 s left"),
        (50, "45 %, 45000 rows, 9000 a second, 7 s left"), (40, "45 %, 45000 rows, 7 s left"), (20, "45 %, 7 s left"),
        (8, "45 %"), (2, ""),
    ])
    func `the line never is wider than the terminal, and drops the least needed first`(_ width: Int, _ text: String) {
        let line = ProgressLine(totalBytes: 1_000_000, rows: 0, bytes: 0)
        let found = line.text(rows: 45_000, bytes: 450_000, seconds: 5, width: width)
        #expect(found.utf8.count <= width)
        #expect(found == text)
    }

    @Test func `rate and remaining time are those of this enqueue, not of the one that it resumes`() {
        let line = ProgressLine(totalBytes: 1_000_000, rows: 90_000, bytes: 900_000)
        #expect(
            line.text(rows: 95_000, bytes: 950_000, seconds: 2, width: 80)
                == "[################### ] 95 %, 95000 rows, 2500 a second, 2 s left")
    }

    @Test func `a pipe has no size, and odd numbers do no harm`() {
        let pipe = ProgressLine(totalBytes: nil, rows: 0, bytes: 0)
        #expect(pipe.text(rows: 1, bytes: 10, seconds: 1, width: 80) == "1 row, 1 a second")
        #expect(pipe.text(rows: 5, bytes: 10, seconds: 0, width: 80) == "5 rows")
        let grown = ProgressLine(totalBytes: 10, rows: 0, bytes: 0)
        #expect(
            grown.text(rows: 1, bytes: 20, seconds: 1, width: 80)
                == "[####################] 100 %, 1 row, 1 a second, 0 ms left")
        let slow = ProgressLine(totalBytes: .max, rows: 0, bytes: 0)
        #expect(slow.text(rows: 1, bytes: 1, seconds: 1e9, width: 200).contains("left"))
    }
}
