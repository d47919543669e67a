/// How often what goes wrong, in ten thousandths; 0 is never. Every seed turns on a part of it.
struct Faults {
    // Workers, at every step they take.
    var crash = 0
    var pause = 0
    // The way to the store and back.
    var lostRequest = 0
    var lostReply = 0
    /// The connection is given up, and the statement runs all the same, later.
    var lateTwin = 0
    var aborted = 0
    var slowStore = 0
    /// The answer to a claim lies unread for most of the lease.
    var lateClaim = 0
    // The platform and the way to it.
    var refused = 0
    var requestLost = 0
    var answerLost = 0
    var slowAnswer = 0
    var truncated = 0
    var errorBefore = 0
    var errorAfter = 0
    var tooMany = 0
    var refusal = 0
    var wrongReplica = 0
    /// The answer says that it is gone, and it is not.
    var deleteIgnored = 0
    // DecisionContext.
    var secretMissing = 0
    var requestChanged = 0
    var lookUpFailed = 0
    /// How many times in a seed.
    var storeOutages = 0
    var platformOutages = 0
    var clockSteps = 0
    var personActs = 0
    var servicePauses = 0
    /// To a standby without the last commits.
    var failOvers = 0
    /// A crash of the database takes back claims that no flush has covered.
    var losesClaims = false
    /// A newer version asks for more than the old runs were started with, so that none of them is started anew.
    var refusesRedo = false
    /// Requests to the service at the same time; 0: any number.
    var concurrent = 0
    /// 0: a new key works at once. In milliseconds.
    var activationMilliseconds: Int64 = 0
    /// How far a worker's wall clock may be off, in milliseconds.
    var clockOffsetMilliseconds: Int64 = 0

    static let none = Faults()

    static func drawn(_ chance: inout Chance) -> Faults {
        var faults = Faults()
        // The first draw decides how rough it gets at all: calm seeds reach states that rough ones never do.
        let most = chance.pick([100, 400, 1500])
        func rate(_ scale: Int, _ chance: inout Chance) -> Int {
            chance.below(2) == 0 ? 0 : 1 + chance.below(most * scale / 10)
        }
        faults.crash = rate(2, &chance)
        faults.pause = rate(2, &chance)
        faults.lostRequest = rate(4, &chance)
        faults.lostReply = rate(4, &chance)
        faults.lateTwin = rate(4, &chance)
        faults.aborted = rate(4, &chance)
        faults.slowStore = rate(3, &chance)
        faults.lateClaim = rate(6, &chance)
        faults.refused = rate(6, &chance)
        faults.requestLost = rate(6, &chance)
        faults.answerLost = rate(8, &chance)
        faults.slowAnswer = rate(6, &chance)
        faults.truncated = rate(6, &chance)
        faults.errorBefore = rate(8, &chance)
        faults.errorAfter = rate(8, &chance)
        faults.tooMany = rate(6, &chance)
        faults.refusal = rate(3, &chance)
        faults.wrongReplica = rate(10, &chance)
        // Without a draw of its own, so that the seeds before keep their stories.
        faults.deleteIgnored = faults.refusal * 3
        faults.secretMissing = rate(2, &chance)
        faults.requestChanged = rate(2, &chance)
        faults.lookUpFailed = rate(4, &chance)
        faults.storeOutages = chance.below(2) == 0 ? 0 : chance.below(4)
        faults.platformOutages = chance.below(2) == 0 ? 0 : chance.below(4)
        faults.clockSteps = chance.below(4) == 0 ? 1 + chance.below(2) : 0
        faults.personActs = chance.below(4) == 0 ? 0 : chance.below(20)
        faults.servicePauses = chance.below(3) == 0 ? 1 + chance.below(3) : 0
        faults.failOvers = chance.below(4) == 0 ? 1 + chance.below(4) : 0
        faults.losesClaims = chance.below(3) == 0
        if faults.losesClaims { faults.storeOutages += chance.below(10) }
        faults.concurrent = chance.pick([0, 0, 0, 1, 2, 4])
        faults.activationMilliseconds = chance.pick([0, 0, 3000, 20_000, 90_000])
        faults.clockOffsetMilliseconds = chance.pick([0, 5000, 3_600_000])
        faults.refusesRedo = chance.below(4) == 0
        return faults
    }
}
