/// What is still to happen, ordered by time; what happens at the same time is ordered by chance.
struct Agenda {
    private struct Entry {
        let time: Int64
        let tie: UInt64
        let slot: Int

        func precedes(_ other: Entry) -> Bool { time != other.time ? time < other.time : tie < other.tie }
    }

    private var heap: [Entry] = []
    private var actions: [(() -> Void)?] = []
    private var free: [Int] = []

    var isEmpty: Bool { heap.isEmpty }

    mutating func add(at time: Int64, tie: UInt64, _ action: @escaping () -> Void) {
        let slot: Int
        if let reused = free.popLast() {
            actions[reused] = action
            slot = reused
        } else {
            slot = actions.count
            actions.append(action)
        }
        heap.append(Entry(time: time, tie: tie, slot: slot))
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child].precedes(heap[parent]) else { break }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    mutating func next() -> (time: Int64, action: () -> Void)? {
        guard let first = heap.first, let last = heap.popLast() else { return nil }
        if !heap.isEmpty {
            heap[0] = last
            var parent = 0
            while true {
                var least = parent
                for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count {
                    if heap[child].precedes(heap[least]) { least = child }
                }
                guard least != parent else { break }
                heap.swapAt(parent, least)
                parent = least
            }
        }
        guard let action = actions[first.slot] else { return nil }
        actions[first.slot] = nil
        free.append(first.slot)
        return (first.time, action)
    }

    mutating func removeAll() {
        heap = []
        actions = []
        free = []
    }
}
