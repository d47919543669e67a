extension SelfCheckRecord {
    /// For the health page. An alarm is due while `turnup_verify_violations` is above 0.
    public var metrics: [Metric] {
        [
            Metric(
                "turnup_verify_violations", .gauge, "Violations that the self-check found and that still stand.",
                Double(violations)),
            Metric(
                "turnup_verify_warnings", .gauge, "Warnings that the self-check found and that still stand.",
                Double(warnings)),
            Metric("turnup_verify_checks_total", .counter, "Looks that this worker's self-check made.", Double(checks)),
            Metric(
                "turnup_verify_last_milliseconds", .gauge, "How long the last look took.", lastMilliseconds),
        ]
    }
}
