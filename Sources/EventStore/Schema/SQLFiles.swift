import Vault

/// One file of `sql/`, embedded in the binary.
struct SQLFile: Sendable {
    let name: String
    let text: String

    init(_ name: String, _ bytes: [UInt8]) {
        self.name = name
        text = String(decoding: bytes, as: UTF8.self)
    }

    var checksum: [UInt8] { ContentDigest.sha256(Array(text.utf8)) }
}

/// The contents of `sql/`. A test compares the list with the folder.
enum SQLFiles {
    static let bootstrap = SQLFile("bootstrap", PackageResources.bootstrap_sql)

    /// In the order in which they apply: forward only, each once.
    static let migrations = [
        SQLFile("0001_base", PackageResources._001_base_sql)
    ]

    /// Applied again whenever their text has changed.
    static let functions = [
        SQLFile("admit", PackageResources.admit_sql),
        SQLFile("append", PackageResources.append_sql),
        SQLFile("append_aside", PackageResources.append_aside_sql),
        SQLFile("append_late", PackageResources.append_late_sql),
        SQLFile("ask_probe", PackageResources.ask_probe_sql),
        SQLFile("await_standby", PackageResources.await_standby_sql),
        SQLFile("check_id", PackageResources.check_id_sql),
        SQLFile("check_input", PackageResources.check_input_sql),
        SQLFile("claim", PackageResources.claim_sql),
        SQLFile("claim_line", PackageResources.claim_line_sql),
        SQLFile("commit", PackageResources.commit_sql),
        SQLFile("enqueue", PackageResources.enqueue_sql),
        SQLFile("enqueue_staged", PackageResources.enqueue_staged_sql),
        SQLFile("event_hash", PackageResources.event_hash_sql),
        SQLFile("find_out", PackageResources.find_out_sql),
        SQLFile("first_hash", PackageResources.first_hash_sql),
        SQLFile("forget_secret", PackageResources.forget_secret_sql),
        SQLFile("has_thing", PackageResources.has_thing_sql),
        SQLFile("id_at", PackageResources.id_at_sql),
        SQLFile("is_of_kind", PackageResources.is_of_kind_sql),
        SQLFile("key_of", PackageResources.key_of_sql),
        SQLFile("lost_lines", PackageResources.lost_lines_sql),
        SQLFile("make_partitions", PackageResources.make_partitions_sql),
        SQLFile("microseconds", PackageResources.microseconds_sql),
        SQLFile("missing_events", PackageResources.missing_events_sql),
        SQLFile("new_id", PackageResources.new_id_sql),
        SQLFile("now", PackageResources.now_sql),
        SQLFile("ordinal_of_key", PackageResources.ordinal_of_key_sql),
        SQLFile("pause_service", PackageResources.pause_service_sql),
        SQLFile("platform_names", PackageResources.platform_names_sql),
        SQLFile("publish", PackageResources.publish_sql),
        SQLFile("rate_left", PackageResources.rate_left_sql),
        SQLFile("read_notes", PackageResources.read_notes_sql),
        SQLFile("record_fleet", PackageResources.record_fleet_sql),
        SQLFile("redo", PackageResources.redo_sql),
        SQLFile("refresh_limits", PackageResources.refresh_limits_sql),
        SQLFile("release", PackageResources.release_sql),
        SQLFile("renew_lease", PackageResources.renew_lease_sql),
        SQLFile("repair_lines", PackageResources.repair_lines_sql),
        SQLFile("resume_service", PackageResources.resume_service_sql),
        SQLFile("same_thing", PackageResources.same_thing_sql),
        SQLFile("set_service", PackageResources.set_service_sql),
        SQLFile("stage", PackageResources.stage_sql),
        SQLFile("staged_insert", PackageResources.staged_insert_sql),
        SQLFile("take_over", PackageResources.take_over_sql),
        SQLFile("take_thing", PackageResources.take_thing_sql),
        SQLFile("task_lines", PackageResources.task_lines_sql),
        SQLFile("verify_installation", PackageResources.verify_installation_sql),
        SQLFile("verify_lines", PackageResources.verify_lines_sql),
        SQLFile("verify_page", PackageResources.verify_page_sql),
        SQLFile("verify_queue", PackageResources.verify_queue_sql),
        SQLFile("verify_row", PackageResources.verify_row_sql),
        SQLFile("verify_sample", PackageResources.verify_sample_sql),
        SQLFile("verify_secrets", PackageResources.verify_secrets_sql),
        SQLFile("verify_status", PackageResources.verify_status_sql),
        SQLFile("verify_stray_secrets", PackageResources.verify_stray_secrets_sql),
        SQLFile("verify_streams", PackageResources.verify_streams_sql),
        SQLFile("verify_things", PackageResources.verify_things_sql),
        SQLFile("wait_of", PackageResources.wait_of_sql),
        SQLFile("wake", PackageResources.wake_sql),
        SQLFile("wake_line", PackageResources.wake_line_sql),
        SQLFile("wake_waiting", PackageResources.wake_waiting_sql),
        SQLFile("with_defaults", PackageResources.with_defaults_sql),
    ]
}
