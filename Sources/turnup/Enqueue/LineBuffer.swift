import Foundation

/// Bytes of a file or a pipe, with the place where reading stands. Readers look ahead, then take.
struct LineBuffer: Sendable {
    private let descriptor: Int32
    /// Checked while a pipe has nothing to give; nil for an input that never waits.
    private let stop: StopFlag?
    private var bytes: [UInt8] = []
    private var start = 0
    private var hasEnded = false
    /// Where the next byte to take stands in the file.
    private(set) var offset: Int64
    /// The line that the next byte to take is on, from 1.
    private(set) var line: Int64

    private static let pieceBytes = 256 << 10
    private static let lineEnd = UInt8(ascii: "\n")

    init(descriptor: Int32, stop: StopFlag?, offset: Int64 = 0, line: Int64 = 1) {
        self.descriptor = descriptor
        self.stop = stop
        self.offset = offset
        self.line = line
    }

    /// The byte at this distance ahead; nil at the end.
    mutating func byte(_ ahead: Int) throws -> UInt8? {
        while start + ahead >= bytes.count {
            guard try fill() else { return nil }
        }
        return bytes[start + ahead]
    }

    /// Takes so many bytes.
    mutating func take(_ count: Int) -> ArraySlice<UInt8> {
        let piece = bytes[start..<min(bytes.count, start + count)]
        start += piece.count
        offset += Int64(piece.count)
        for byte in piece where byte == Self.lineEnd { line += 1 }
        return piece
    }

    /// How far ahead the line ends, its end included; nil when that is further than `limit`.
    mutating func lineLength(limit: Int) throws -> Int? {
        var seen = 0
        while true {
            let known = bytes[(start + seen)...]
            if let end = known.firstIndex(of: Self.lineEnd) { return end - start + 1 }
            seen += known.count
            if seen > limit { return nil }
            guard try fill() else { return seen }
        }
    }

    /// Drops what is left of this line, however long it is.
    mutating func dropLine() throws {
        while true {
            if let end = bytes[start...].firstIndex(of: Self.lineEnd) {
                _ = take(end - start + 1)
                return
            }
            _ = take(bytes.count - start)
            guard try fill() else { return }
        }
    }

    /// Reads more; false at the end.
    private mutating func fill() throws -> Bool {
        guard !hasEnded else { return false }
        if start > Self.pieceBytes {
            bytes.removeFirst(start)
            start = 0
        }
        var piece = [UInt8](repeating: 0, count: Self.pieceBytes)
        var count = 0
        repeat {
            try waitForInput()
            count = read(descriptor, &piece, piece.count)
        } while count < 0 && (errno == EINTR || errno == EAGAIN)
        guard count >= 0 else { throw CommandFailure.failed(TerminalTexts.unreadable(EnqueueTexts.theInput)) }
        hasEnded = count == 0
        bytes += piece[..<count]
        return count > 0
    }

    /// Waits for a pipe without being deaf to Ctrl-C.
    private func waitForInput() throws {
        guard let stop else { return }
        while true {
            if stop.isRaised { throw CancellationError() }
            var look = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            if poll(&look, 1, 100) != 0 { return }
        }
    }
}
